#include "graph/passes/trace.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <cmath>
#include <limits>

#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

double largest(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::ScalarType::Double:
      return std::numeric_limits<double>::max();
    case c10::ScalarType::Half:
      return std::numeric_limits<c10::Half>::max();
    case c10::ScalarType::BFloat16:
      return std::numeric_limits<c10::BFloat16>::max();
    default:
      return std::numeric_limits<float>::max();
  }
}

Value* place_tuple(Trace& trace, Known& tuple) {
  auto& graph = *trace.line.graph;
  std::vector<Value*> places;
  for (auto& element : tuple.elements) {
    places.push_back(element.missing ? graph.insertConstant(c10::IValue()) : trace.place(element));
  }
  return graph.insertNode(graph.createTuple(places))->output();
}

}  // namespace

Known missing(const Argument& argument) {
  Known known;
  known.missing = &argument;
  return known;
}

void refuse_missing(const Argument& argument) {
  throw ModelError(
      "the model takes another input, \"" + argument.name + "\" (" + argument.type +
          "), and its output depends on it; expected a vision tower that takes images alone: export the vision "
          "part of the model",
      Reason::kOtherInput);
}

Value* Trace::place(Known& value) {
  if (value.missing) refuse_missing(*value.missing);
  if (value.straight) return value.straight;
  if (value.from_images) return value.straight = place_tuple(*this, value);
  fixed.add(value.value);
  const auto inserted = torch::jit::tryInsertConstant(*line.graph, value.value);
  if (!inserted) {
    throw ModelError("a value of type " + value.value.tagKind() + " reaches an operator of the model",
                     Reason::kNotAllowed);
  }
  value.straight = *inserted;
  note(value);
  return value.straight;
}

void Trace::note(const Known& value) {
  Fact fact;
  if (value.value.isTensor() && value.value.toTensor().defined()) {
    const auto& tensor = value.value.toTensor();
    fact.sizes = tensor.sizes().vec();
    fact.dtype = tensor.scalar_type();
    if (!value.from_pixels && tensor.numel() == 1) fact.number = tensor.item().toDouble();
  } else if (value.value.isScalar() && !value.from_pixels && !value.value.isComplexDouble()) {
    fact.number = value.value.toScalar().toDouble();
  }
  line.facts[value.straight] = std::move(fact);
}

Node* Trace::emit(Node* node, const Node* source, const std::vector<c10::IValue>& arguments) {
  std::vector<Value*> inputs;
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto& input = known.at(source->inputs()[i]);
    const auto& given = arguments[i];
    const bool retargeted = !input.straight && ((given.isInt() && given.toInt() != input.value.toInt()) ||
                                                (given.isDouble() && given.toDouble() != input.value.toDouble()));
    if (retargeted || input.missing) {
      inputs.push_back(line.graph->insertConstant(retargeted ? arguments[i] : c10::IValue()));
    } else {
      inputs.push_back(place(input));
    }
  }
  return Writer(*line.graph).copy(node, inputs);
}

void Trace::leave_out(const Node* node, const Argument& argument) {
  for (const Value* output : node->outputs()) known[output] = missing(argument);
}

at::Tensor retarget(const at::Tensor& tensor, const StraightenOptions& options) {
  auto moved = tensor.detach();
  if (!is_size_number(moved) && moved.device() != options.device) moved = moved.to(options.device);
  if (moved.scalar_type() == options.from_dtype && options.from_dtype != options.to_dtype) {
    moved = moved.to(options.to_dtype);
  }
  return moved;
}

double retarget(double number, const StraightenOptions& options) {
  const double most = largest(options.from_dtype);
  return std::abs(number) == most ? std::copysign(largest(options.to_dtype), number) : number;
}

void retarget_types(const Node* node, std::vector<c10::IValue>& arguments, const StraightenOptions& options) {
  if (options.from_dtype == options.to_dtype) return;
  const auto* schema = node->maybeSchema();
  if (!schema) return;
  for (size_t i = 0; i < arguments.size() && i < schema->arguments().size(); ++i) {
    if (schema->arguments()[i].name() == "dtype" && arguments[i].isInt() &&
        arguments[i].toInt() == static_cast<int64_t>(options.from_dtype)) {
      arguments[i] = static_cast<int64_t>(options.to_dtype);
    }
    if (arguments[i].isDouble()) arguments[i] = retarget(arguments[i].toDouble(), options);
  }
}

}  // namespace legrad::graph
