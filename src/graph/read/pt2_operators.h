#pragma once

#include <string>

namespace legrad::graph {

/// "torch.ops.aten.add.Tensor", taken apart.
struct OperatorName {
  std::string name;  ///< aten::add
  std::string overload;
};

/// Refuses what is no operator of aten.
OperatorName operator_name(const std::string& target);

/// Python's integer arithmetic on sizes, as "_operator.mul"; empty where it is none.
std::string size_operator(const std::string& target);

/// Whether a node with this target may write into a tensor that others read.
bool writes(const std::string& target);

[[noreturn]] void refuse_arguments(const std::string& target);

}  // namespace legrad::graph
