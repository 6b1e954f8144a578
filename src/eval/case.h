#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/classes.h>
#include <legrad/eval/metric.h>
#include <legrad/eval/sample.h>
#include <legrad/explainer.h>

#include <cstdint>
#include <string>

namespace legrad::eval {

/// Turns pictures into cases for one model.
class CaseMaker {
 public:
  CaseMaker(const Explainer& explainer, const Classes& classes, uint64_t seed)
      : explainer_(explainer), classes_(classes), seed_(seed) {}

  /// `picture` is RGB bytes [H, W, 3]. The questions are the classes that the data shows in it, the right one, and the
  /// one that the model scores best. Throws `InputError` where a mask is of another size than the picture. The case
  /// refers to `sample`, and to this maker.
  Case make(const Sample& sample, const at::Tensor& picture) const;

 private:
  void ask_regions(const Sample& sample, const at::Tensor& picture, Case& made) const;

  const Explainer& explainer_;
  const Classes& classes_;
  uint64_t seed_;
};

/// A number in [0, 2^64) that a text and a seed stand for: FNV-1a, mixed by SplitMix64.
uint64_t seed_of(const std::string& text, uint64_t seed);

}  // namespace legrad::eval
