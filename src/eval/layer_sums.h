#pragma once

#include <legrad/eval/evaluation.h>
#include <legrad/eval/table.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace legrad::eval {

/// Adds up what LeGrad sees in the blocks of pictures.
class LayerSums {
 public:
  /// Throws `InputError` where the number of blocks changes from one picture to the next.
  void add(const Layers& layers);

  /// None where nothing was added.
  std::optional<LayerTable> table() const;

 private:
  struct OfClass {
    int64_t pictures = 0;
    std::vector<double> share;
  };
  int64_t pictures_ = 0;
  std::vector<double> share_, squares_, prefix_;
  std::map<std::string, OfClass> classes_;
};

}  // namespace legrad::eval
