#pragma once

#include <ATen/core/ivalue.h>
#include <c10/core/StorageImpl.h>

#include <cstdint>
#include <unordered_map>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// What running a model's graph once may take in all: memory that is held at one time, and time of the processor.
/// Limits of single results (`Limits`) do not see a list that grows, or a product that is taken a thousand times.
class Budget {
 public:
  /// Generous for a model with so many parameters on so many pixels; its largest result may have `largest` bytes.
  Budget(int64_t largest, int64_t parameters, int64_t pixels);

  /// Counts the memory of an operator's results for as long as somebody holds it. Throws `ModelError` if it is too
  /// much.
  void hold(const Node* node, const std::vector<c10::IValue>& results);

  /// Counts a sum over so many products as if a slow processor had computed it.
  void charge(double products) { charged_seconds_ += products * kSecondsPerProduct; }

  /// Throws `ModelError` if the time is up.
  void check_time(const Node* node) const;

 private:
  struct Held {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;
    int64_t bytes = 0;
  };
  void hold(const at::Tensor& tensor);
  void forget_freed();

  static constexpr double kSecondsPerProduct = 6e-11;
  int64_t most_bytes_ = 0;
  double most_seconds_ = 0;
  double process_start_ = 0;
  double thread_start_ = 0;
  double charged_seconds_ = 0;
  int64_t bytes_ = 0;  ///< of all in `held_`, some of which may be freed by now
  std::unordered_map<const void*, Held> held_;
};

}  // namespace legrad::graph
