#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>

#include "graph/ir/source.h"

namespace legrad::graph {

/// The values of a graph that is read from a torch.export archive, by the names that its nodes have for them, and the
/// constants that stand in nodes' arguments.
class Pt2Values {
 public:
  explicit Pt2Values(Graph& graph) : graph_(graph) {}

  /// What an argument of an operator says, of the type that the operator wants there.
  Value* argument(const nlohmann::json& object, const c10::TypePtr& wanted);
  Value* constant(const c10::IValue& value) { return graph_.insertConstant(value); }

  /// Refuses a name that something else has.
  void define(const std::string& name, Value* value);
  /// Refuses a name that nothing has.
  Value* find(const nlohmann::json& name) const;

  /// Other names in place of these, as a graph within the graph has its own.
  using Names = std::unordered_map<std::string, Value*>;
  void swap(Names& names) { named_.swap(names); }

 private:
  Value* symbol(const nlohmann::json& value, const c10::TypePtr& wanted);
  Value* ints(const nlohmann::json& values, const c10::TypePtr& wanted);

  Graph& graph_;
  Names named_;
};

}  // namespace legrad::graph
