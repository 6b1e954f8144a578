#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// What comes back to a value: one tensor; of a list, one for each of its tensors. An undefined one counts as zeros.
using Cotangent = std::vector<at::Tensor>;

/// An operator as it ran: its arguments by the names of its schema, whatever the overload, and what it gave.
class Call {
 public:
  Call(const Node* node, const std::vector<c10::IValue>& arguments, const std::vector<at::Tensor>& results,
       const std::vector<bool>& follows)
      : node_(node), arguments_(arguments), results_(results), follows_(follows) {}

  /// Whether this overload has such an argument and it was given.
  bool has(const char* name) const;
  const c10::IValue& argument(const char* name) const;
  const at::Tensor& tensor(const char* name) const { return argument(name).toTensor(); }
  std::vector<at::Tensor> tensors(const char* name) const { return argument(name).toTensorVector(); }
  int64_t integer(const char* name) const { return argument(name).toInt(); }
  bool flag(const char* name) const { return argument(name).toBool(); }
  std::vector<int64_t> integers(const char* name) const { return argument(name).toIntVector(); }
  /// A number or a tensor, as a tensor.
  at::Tensor number(const char* name) const;
  /// Whether what is asked about flows through that argument, so that a share of it is wanted.
  bool follows(const char* name) const;
  const at::Tensor& result(size_t at = 0) const { return results_.at(at); }
  /// For a form of the operator that a rule does not cover: throws `InputError` (`Reason::kNoRule`).
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  std::optional<size_t> place(const char* name) const;

  const Node* node_;
  const std::vector<c10::IValue>& arguments_;
  const std::vector<at::Tensor>& results_;
  const std::vector<bool>& follows_;
};

/// What of the results' cotangent goes to one argument. Where an argument was broadcast, the sum over its copies is
/// taken afterwards.
struct Share {
  Share(const char* to, at::Tensor tensor) : argument(to), parts{std::move(tensor)} {}
  Share(const char* to, Cotangent list) : argument(to), parts(std::move(list)) {}
  const char* argument;
  Cotangent parts;
};
using Shares = std::vector<Share>;

/// How a cotangent, or a relevance, passes an operator: a pure function of the operator as it ran and of what comes
/// back to its results, one for each, none of them undefined.
using Rule = std::function<Shares(const Call& call, const Cotangent& back)>;

/// A table operator → rule.
struct Rules {
  std::string name;                  ///< in messages
  std::map<std::string, Rule> rows;  ///< by the operator's name, without "aten::"
  bool gradient = false;             ///< what comes back is a changed gradient, and it times the input is a relevance

  /// The table with other rows in place of, or beside, its own.
  Rules with(std::string new_name, const std::map<std::string, Rule>& other) const;
};

}  // namespace legrad::graph
