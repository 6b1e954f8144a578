#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace legrad::eval {

/// Classes that are told apart by their parts, each of which comes in several variants.
struct PartTable {
  std::vector<std::string> parts;              ///< [P], P at most 16: "beak", "eye", ...
  std::vector<std::vector<int64_t>> variants;  ///< [classes][P]: which variant of each part a class has
};

/// What is known of the parts in a picture, and pictures of the same scene without some of them.
struct PartPictures {
  std::shared_ptr<const PartTable> table;
  int64_t label = 0;       ///< the class that is right, among those of the table
  int64_t background = 0;  ///< N objects that stand around
  at::Tensor masks = {};   ///< bool [I, H, W]: where each instance of a part or object is seen, if it is
  std::vector<int64_t> objects =
      {};  ///< [I]: whose instance each is: a part, 0 to P - 1, or P + n of the background's n-th
  /// [2^P]: the scene with some parts, bit p of the index saying whether part p is there; empty: there are no such
  /// pictures of this one.
  std::vector<std::filesystem::path> with_parts = {};
  /// [N]: the scene with all parts, without one object of the background; empty as `with_parts` is.
  std::vector<std::filesystem::path> without_background = {};
};

}  // namespace legrad::eval
