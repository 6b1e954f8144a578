#include "graph/passes/outputs.h"

#include <ATen/core/Tensor.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <sstream>
#include <vector>

namespace legrad::graph {
namespace {

std::vector<Output> outputs_of(Value* place, const c10::IValue& value) {
  std::vector<Output> all;
  if (value.isTensor()) return {{"0", place, value}};
  Node* node = place ? place->node() : nullptr;
  if (node && node->kind() == prim::DictConstruct && value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    for (size_t i = 0; i + 1 < node->inputs().size(); i += 2) {
      const auto key = torch::jit::toIValue(node->inputs()[i]);
      if (key && key->isString()) all.push_back({key->toStringRef(), node->inputs()[i + 1], dict.at(*key)});
    }
  } else if (node && node->kind() == prim::TupleConstruct && value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    const auto type = value.toTupleRef().type();
    for (size_t i = 0; i < elements.size(); ++i) {
      const bool named = type && type->schema() && type->schema()->arguments().size() == elements.size();
      all.push_back(
          {named ? type->schema()->arguments()[i].name() : std::to_string(i), node->inputs()[i], elements[i]});
    }
  } else if (node && node->kind() == prim::ListConstruct && value.isTensorList()) {
    const auto list = value.toTensorVector();
    for (size_t i = 0; i < list.size(); ++i) all.push_back({std::to_string(i), node->inputs()[i], list[i]});
  }
  return all;
}

std::string sizes_text(const c10::IValue& value) {
  if (!value.isTensor() || !value.toTensor().defined()) return value.tagKind();
  std::ostringstream text;
  text << value.toTensor().sizes();
  return text.str();
}

}  // namespace

bool is_prediction(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined() && value.toTensor().dim() == 2 &&
         value.toTensor().is_floating_point();
}

Output choose_output(Value* place, const c10::IValue& value, const std::string& wanted) {
  const auto all = outputs_of(place, value);
  std::string list;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& one = all[i];
    list += (list.empty() ? "" : ", ") + one.name + " " + sizes_text(one.value);
    const bool chosen = wanted.empty() ? is_prediction(one.value) : one.name == wanted || std::to_string(i) == wanted;
    if (!chosen) continue;
    if (!is_prediction(one.value)) {
      throw ModelError("output \"" + one.name + "\" has shape " + sizes_text(one.value) + ", expected [B, C]",
                       Reason::kNoSuitableOutput);
    }
    return one;
  }
  if (all.empty()) list = "no tensors";
  if (!wanted.empty()) {
    throw ModelError("the model has no output \"" + wanted + "\"; it returns " + list, Reason::kNoSuitableOutput);
  }
  throw ModelError("the model returns " + list + "; expected an output of shape [B, C]: class scores or an embedding",
                   Reason::kNoSuitableOutput);
}

}  // namespace legrad::graph
