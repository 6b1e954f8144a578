#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

namespace legrad::graph {

struct Instruction;

/// What the linear layers of a program gave for some of its tokens, kept while it ran on all of them. Where it then
/// runs on those alone, to take gradients, the layers' weights need not be read once more on the way forwards.
class LinearRows {
 public:
  /// The chosen rows of a tensor along `dim`.
  using Choose = std::function<at::Tensor(const at::Tensor& tensor, int64_t dim)>;

  /// Of values [batch, tokens, d] or [tokens, batch, d]; of others nothing is kept.
  LinearRows(int64_t batch, int64_t tokens, Choose choose)
      : batch_(batch), tokens_(tokens), choose_(std::move(choose)) {}

  void keep(const Instruction* layer, const at::Tensor& output);

  /// `input` Wᵀ + b, differentiable, of what was kept of that layer; undefined where that does not fit. The images'
  /// rows may be there several times, one image after another and then again.
  at::Tensor give(const Instruction* layer, const at::Tensor& input, const at::Tensor& weight) const;

 private:
  struct Rows {
    at::Tensor values;
    int64_t images;  // the dimension
  };

  int64_t batch_;
  int64_t tokens_;
  Choose choose_;
  std::unordered_map<const Instruction*, Rows> kept_;
};

}  // namespace legrad::graph
