#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/error.h>
#include <legrad/text_tower.h>

#include <cstdint>
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

/// A text tower: as one program, and in stages where its blocks could be told apart.
struct TextNetwork {
  graph::Program program;
  std::optional<TextStages> stages;
  std::optional<ModelError> refusal;  ///< why there are no stages
  int64_t length = 0;
  int64_t vocabulary = 0;
  int64_t width = 0;
  bool text_by_text = false;  ///< the file holds a batch of one
  c10::ScalarType dtype = c10::ScalarType::Float;
  c10::Device device = c10::Device(c10::DeviceType::CPU);

  /// Embeddings of ids on the tower's device.
  at::Tensor run(const at::Tensor& ids) const;
};

/// What `TextTower::gradients` promises, for ids and embeddings of images [K, d] on the tower's device. Needs stages.
TextGradients text_gradients(const TextNetwork& network, const at::Tensor& ids, const at::Tensor& images,
                             TextScore score);

}  // namespace legrad::model
