#include "graph/passes/storage.h"

#include <legrad/error.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>

namespace legrad::graph {
namespace {

const void* storage_of(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

bool is_alias(const at::Tensor& a, const at::Tensor& b) {
  return storage_of(a) && storage_of(a) == storage_of(b) && a.numel() > 0 && b.numel() > 0;
}

bool shares(const c10::IValue& value, const at::Tensor& target) {
  if (value.isTensor()) return is_alias(value.toTensor(), target);
  if (value.isTensorList()) {
    const auto tensors = value.toTensorVector();
    return std::any_of(tensors.begin(), tensors.end(), [&](const at::Tensor& one) { return is_alias(one, target); });
  }
  if (!value.isTuple()) return false;
  const auto& elements = value.toTupleRef().elements();
  return std::any_of(elements.begin(), elements.end(),
                     [&](const c10::IValue& one) { return one.isTensor() && is_alias(one.toTensor(), target); });
}

bool read_after(const Value* value, const Node* node) {
  return std::any_of(value->uses().begin(), value->uses().end(), [&](const auto& use) {
    if (use.user == node) return false;
    // In another block: which of them runs first is not told by their places.
    return use.user->owningBlock() != node->owningBlock() || use.user->isAfter(node);
  });
}

bool is_weight(const Value* value) {
  return value->node()->kind() == prim::GetAttr || value->node()->kind() == prim::Constant;
}

}  // namespace

void FixedStorages::add(const c10::IValue& value) {
  if (!value.isTensor()) return;
  if (const void* storage = storage_of(value.toTensor())) storages_.insert(storage);
}

bool FixedStorages::holds(const at::Tensor& tensor) const { return storages_.count(storage_of(tensor)) > 0; }

bool writes_constants(const Node* node, KnownValues& known, const FixedStorages& fixed) {
  for (const Value* input : node->inputs()) {
    if (known.at(input).from_pixels || known.at(input).missing) return false;
  }
  const auto target = known.at(node->input(0)).value.toTensor();
  if (!storage_of(target) || fixed.holds(target)) return false;
  for (auto& [value, other] : known) {
    if (!other.value.isTensor() || !is_alias(other.value.toTensor(), target)) continue;
    other.straight = nullptr;
    other.from_images = false;
  }
  return true;
}

void check_not_shared(const Node* node, const KnownValues& known) {
  const Value* self = node->input(0);
  const auto& written = known.at(self);
  const auto& target = written.value.toTensor();
  for (const auto& [value, other] : known) {
    if (value == self || !shares(other.value, target) || !read_after(value, node)) continue;
    throw ModelError(
        "refused " + describe(node) + ": it writes into a tensor that is read elsewhere under another name",
        Reason::kWritesInPlace);
  }
  if (!written.straight && target.numel() > 0 && is_weight(self)) {
    throw ModelError("refused " + describe(node) + ": it writes into the model's weights", Reason::kWritesInPlace);
  }
}

Node* make_functional(Node* node, const std::string& name, std::shared_ptr<Graph>& scratch) {
  scratch = std::make_shared<Graph>();
  std::vector<Value*> inputs;
  for (Value* input : node->inputs()) {
    Value* stand_in = scratch->addInput();
    stand_in->setType(input->type());
    inputs.push_back(stand_in);
  }
  Node* made = scratch->create(c10::Symbol::fromQualString(name), inputs, node->outputs().size());
  scratch->insertNode(made);
  for (size_t i = 0; i < node->outputs().size(); ++i) made->outputs()[i]->setType(node->outputs()[i]->type());
  if (!made->maybeOperator()) {
    throw ModelError("refused " + describe(node) + ": there is no form of it that writes nothing",
                     Reason::kWritesInPlace);
  }
  return made;
}

}  // namespace legrad::graph
