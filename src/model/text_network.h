#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/error.h>
#include <legrad/text_tower.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "graph/ir/program.h"

namespace legrad::model {

/// A text tower cut along its residual stream, as a vision tower is. Each program also takes the ids, which say what is
/// masked and which token is read.
struct TextStages {
  struct Block {
    graph::Program run;  ///< Z -> Q, K, V, O, Z' (, mask)
    double scale = 1;
    bool mask = false;
  };
  graph::Program embed;       ///< ids -> Z^0
  std::vector<Block> blocks;  ///< first to last
  graph::Program readout;     ///< Z^L -> embedding [K, d]
};

/// A text tower: as one program, and in stages when it is explained.
class TextNetwork {
 public:
  graph::Program program;
  std::function<TextStages()> cut;  ///< cuts it into stages, which takes a while
  int64_t length = 0;
  int64_t vocabulary = 0;
  int64_t width = 0;
  bool text_by_text = false;  ///< the file holds a batch of one
  c10::ScalarType dtype = c10::ScalarType::Float;
  c10::Device device = c10::Device(c10::DeviceType::CPU);

  /// Embeddings of ids on the tower's device.
  at::Tensor run(const at::Tensor& ids) const;

  /// Cut when first asked for. Throws `ModelError` where the blocks cannot be told apart; such a tower embeds texts all
  /// the same.
  const TextStages& stages() const;

 private:
  mutable std::once_flag cut_once_;
  mutable std::optional<TextStages> stages_;
  mutable std::optional<ModelError> refusal_;  ///< why there are none
};

/// What `TextTower::gradients` promises, for ids and embeddings of images [K, d] on the tower's device.
TextGradients text_gradients(const TextNetwork& network, const at::Tensor& ids, const at::Tensor& images,
                             TextScore score);

}  // namespace legrad::model
