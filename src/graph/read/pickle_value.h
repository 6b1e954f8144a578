#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace legrad::graph {

/// What a walk over a pickle knows of a value.
struct PickledValue {
  enum class Kind {
    kPlain,
    kNone,
    kFunction,   ///< or a class, which is called too
    kContainer,  ///< a list or dict, which others may hold before it is filled
    kTuple,
    kStorageType,     ///< `text` says of what numbers
    kStorage,         ///< the same, and `number` how many
    kScheme,          ///< of quantisation; `text` says which
    kTensorMaker,     ///< the function that makes tensors
    kQuantisedMaker,  ///< and that of quantised ones
    kPackedClass,     ///< the class of a quantised linear layer's weights
    kTensor,          ///< `elements` are what it is made of
    kQuantised,
  };

  Kind kind = Kind::kPlain;
  uint64_t depth = 1;
  uint64_t reached = 1;  ///< values within it, counted anew wherever they are met
  size_t container = 0;  ///< which one
  std::string_view text = {};
  std::optional<int64_t> number = {};   ///< a whole one
  std::optional<double> real = {};      ///< one that is not
  uint64_t width = 0;                   ///< of a storage's numbers, in bytes
  std::optional<size_t> elements = {};  ///< of a tuple: where they are kept, if they are few
};

/// The elements of tuples, as far as they are kept.
using PickledTuples = std::vector<std::vector<PickledValue>>;

}  // namespace legrad::graph
