#include "graph/read/dequantise.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

using c10::IValue;
using torch::jit::Stack;

constexpr const char* kLinear = "quantized::linear_dynamic";  // (input, packed weight, reduce_range: to 7 bits)
constexpr const char* kUnpack = "quantized::linear_unpack";

std::vector<Node*> quantised_layers(Graph& graph) {
  std::vector<Node*> layers;
  for_each_node(graph, [&](Node* node) {
    if (node->kind() == c10::Symbol::fromQualString(kLinear)) layers.push_back(node);
  });
  return layers;
}

Stack call(const char* name, Stack stack) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(&stack);
  return stack;
}

[[noreturn]] void refuse(const Node* layer, const std::string& why, Reason reason) {
  throw ModelError("refused " + describe(layer) + ": " + why, reason);
}

// What a module holds, or a constant.
IValue held(const Source& source, const Node* layer, const Value* value) {
  if (const auto constant = torch::jit::toIValue(value)) return *constant;
  const Node* node = value->node();
  if (node->kind() == prim::GetAttr) {
    const auto owner = held(source, layer, node->input());
    if (owner.isObject()) return owner.toObjectRef().getAttr(node->s(torch::jit::attr::name));
  }
  const auto inputs = source.graph->inputs();
  const auto at = static_cast<size_t>(std::find(inputs.begin(), inputs.end(), value) - inputs.begin());
  if (at < inputs.size() && source.arguments[at].value) return *source.arguments[at].value;
  refuse(layer, "its weights are chosen while the model runs; expected those of a module", Reason::kQuantised);
}

struct Weights {
  at::Tensor weight;  // [out, in]
  std::optional<at::Tensor> bias;
};

Weights dequantised(const IValue& packed) {
  auto unpacked = call(kUnpack, {packed});
  Weights weights{unpacked.at(0).toTensor().dequantize().contiguous(), unpacked.at(1).toOptional<at::Tensor>()};
  if (weights.bias) weights.bias = weights.bias->detach().to(at::kFloat).clone();
  return weights;
}

// Whole numbers, all from `low` to `low + steps - 1`, in rows as long as a layer's input.
at::Tensor whole_numbers(int64_t width, int64_t low, int64_t steps) {
  constexpr int64_t kOdd = 37;  // meets all of them before it comes to the first again
  constexpr int64_t kRows = 4;
  const int64_t rows = std::max(kRows, (steps + width - 1) / width);
  const auto numbers = at::remainder(at::arange(rows * width, at::kLong) * kOdd, steps) + low;
  return numbers.to(at::kFloat).view({rows, width});
}

// Inputs are rounded to steps between their least and their largest number: those that lie one step apart stay what
// they are. There are 128 steps, or on some machines 256, whatever they are asked for.
void check_same(const Node* layer, const IValue& packed, const Weights& weights) {
  constexpr double kTolerance = 1e-4;
  for (const int64_t steps : {128, 256}) {
    const auto input = whole_numbers(weights.weight.size(1), -steps / 2, steps);
    const auto found = call(kLinear, {input, packed, /*reduce_range=*/true}).at(0).toTensor();
    const auto expected = at::linear(input, weights.weight, weights.bias);
    const double scale = expected.abs().max().item<double>();
    if ((found - expected).abs().max().item<double>() <= kTolerance * scale) return;
  }
  refuse(layer, "on this machine it gives other numbers than its int8 weights say", Reason::kNotReproduced);
}

class Dequantiser {
 public:
  explicit Dequantiser(Source& source) : source_(source) {}

  void replace(Node* layer) {
    const auto packed = held(source_, layer, layer->input(1));
    if (!packed.isObject()) refuse(layer, "it has no weights", Reason::kQuantised);
    const auto& weights = weights_of(layer, packed);
    Writer write(*source_.graph, layer);
    const auto bias = weights.bias ? IValue(*weights.bias) : IValue();
    layer->output()->replaceAllUsesWith(
        write.call("linear", {layer->input(0), write.constant(weights.weight), write.constant(bias)}));
    layer->destroy();
  }

  int64_t layers() const { return static_cast<int64_t>(known_.size()); }

 private:
  // A layer that is called twice, or in two branches, has its weights once.
  const Weights& weights_of(const Node* layer, const IValue& packed) {
    const auto* object = packed.toObject().get();
    if (const auto known = known_.find(object); known != known_.end()) return known->second;
    auto weights = dequantised(packed);
    check_same(layer, packed, weights);
    source_.weights.push_back(weights.weight);
    if (weights.bias) source_.weights.push_back(*weights.bias);
    return known_.emplace(object, std::move(weights)).first->second;
  }

  Source& source_;
  std::unordered_map<const void*, Weights> known_;
};

// linear(dequantise(quantise(x)), dequantise(w), b).
void write_out(Graph& graph, Node* layer) {
  constexpr auto kSteps = static_cast<int64_t>(c10::ScalarType::QUInt8);
  Writer write(graph, layer);
  const auto insert = [&](const char* name, const std::vector<Value*>& inputs, size_t outputs) {
    Node* node = graph.insertNode(graph.create(c10::Symbol::fromQualString(name), inputs, outputs));
    const auto& returns = node->getOperator().schema().returns();
    for (size_t i = 0; i < outputs; ++i) node->outputs()[i]->setType(returns.at(i).type());
    return node;
  };
  const auto dequantise = [&](Value* quantised) { return insert("aten::dequantize", {quantised}, 1)->output(); };
  Value* input = layer->input(0);
  const auto range = insert("aten::_choose_qparams_per_tensor", {input, layer->input(2)}, 2)->outputs();
  Value* rounded =
      insert("aten::quantize_per_tensor", {input, range[0], range[1], write.constant(kSteps)}, 1)->output();
  const auto unpacked = insert(kUnpack, {layer->input(1)}, 2)->outputs();
  layer->output()->replaceAllUsesWith(
      write.call("linear", {dequantise(rounded), dequantise(unpacked[0]), unpacked[1]}));
  layer->destroy();
}

}  // namespace

bool has_quantised_layers(Graph& graph) { return !quantised_layers(graph).empty(); }

int64_t dequantise(Source& source) {
  Dequantiser dequantiser(source);
  for (Node* layer : quantised_layers(*source.graph)) dequantiser.replace(layer);
  torch::jit::EliminateDeadCode(source.graph);  // what reached for the packed weights
  return dequantiser.layers();
}

std::shared_ptr<const QuantisedForward> quantised_forward(const Source& file, int64_t layers) {
  auto written_out = file.graph->copy();
  for (Node* layer : quantised_layers(*written_out)) write_out(*written_out, layer);
  return std::make_shared<const QuantisedForward>(QuantisedForward{file.graph, written_out, file.arguments, layers});
}

}  // namespace legrad::graph
