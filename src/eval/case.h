#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/classes.h>
#include <legrad/eval/metric.h>
#include <legrad/eval/sample.h>
#include <legrad/explainer.h>

#include <cstdint>
#include <set>
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
  Case make(const Sample& sample, const at::Tensor& picture);

  /// Names in the data that the model has no class for, as far as they were met.
  const std::set<std::string>& unknown() const { return unknown_; }

 private:
  std::optional<int64_t> find(const std::string& name);
  void ask_regions(const Sample& sample, const at::Tensor& picture, Case& made);

  const Explainer& explainer_;
  const Classes& classes_;
  uint64_t seed_;
  std::set<std::string> unknown_;
};

/// A number in [0, 2^64) that a text and a seed stand for: FNV-1a, mixed by SplitMix64.
uint64_t seed_of(const std::string& text, uint64_t seed);

}  // namespace legrad::eval
