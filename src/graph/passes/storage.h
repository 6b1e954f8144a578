#pragma once

#include <unordered_map>
#include <unordered_set>

#include "graph/passes/known.h"

namespace legrad::graph {

/// The memory that a write may not be made into as it stands: that of weights, and of constants the line holds.
class FixedStorages {
 public:
  void add(const c10::IValue& value);
  bool holds(const at::Tensor& tensor) const;

 private:
  std::unordered_set<const void*> storages_;
};

/// Whether a node that writes into its first argument has nothing to do with pixels and writes into memory that is
/// neither a weight's nor held by the line. It is run as it stands then, and whatever shares the memory becomes a
/// constant.
bool writes_constants(const Node* node, KnownValues& known, const FixedStorages& fixed);

/// Throws `ModelError` if a write shows elsewhere: in a weight, or in a value that shares the memory and is read later.
/// We can follow only the value it is made through.
void check_not_shared(const Node* node, const KnownValues& known);

/// A node that does what `node` does under the name of an operator that writes into nothing, in a graph of its own that
/// `scratch` keeps. Throws `ModelError` where there is no such operator.
Node* make_functional(Node* node, const std::string& name, std::shared_ptr<Graph>& scratch);

}  // namespace legrad::graph
