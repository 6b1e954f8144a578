#include "graph/passes/straighten.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>

#include "graph/passes/outputs.h"
#include "graph/passes/trace.h"

namespace legrad::graph {
namespace {

using c10::IValue;
using torch::jit::Block;

// For each value of a block, the block's own node that reads it last, in its inner blocks too.
std::unordered_map<const Node*, std::vector<const Value*>> last_uses(const Block* block) {
  std::unordered_map<const Value*, const Node*> last;
  for (const Node* node : block->nodes()) {
    for (const Value* input : node->inputs()) last[input] = node;
    for (const Block* inner : node->blocks()) {
      for_each_node(inner, [&](const Node* nested) {
        for (const Value* input : nested->inputs()) last[input] = node;
        for (const Block* innermost : nested->blocks()) {
          for (const Value* output : innermost->outputs()) last[output] = node;
        }
      });
      for (const Value* output : inner->outputs()) last[output] = node;
    }
  }
  for (const Value* output : block->outputs()) last.erase(output);
  std::unordered_map<const Node*, std::vector<const Value*>> ended;
  for (const auto& [value, node] : last) {
    if (value->node()->owningBlock() == block) ended[node].push_back(value);
  }
  return ended;
}

// Runs the control flow: what is taken of a branch, and a loop as often as it runs.
class Straightener {
 public:
  explicit Straightener(Trace& trace) : trace_(trace), known_(trace.known) {}

  void run(Block* block) {
    const auto ended = last_uses(block);
    for (Node* node : block->nodes()) {
      run(node);
      if (const auto it = ended.find(node); it != ended.end()) {
        for (const Value* value : it->second) known_.erase(value);
      }
    }
  }

 private:
  void run(Node* node) {
    if (++nodes_ > trace_.options.limits.nodes) {
      throw ModelError("the model executes more than " + std::to_string(trace_.options.limits.nodes) +
                           " operators for one image; a loop without end?",
                       Reason::kTooLarge);
    }
    trace_.budget.check_time(node);
    switch (node->kind()) {
      case prim::Constant:
        return run_constant(node);
      case prim::GetAttr:
        return run_attribute(node);
      case prim::If:
        return run_branch(node);
      case prim::Loop:
        return run_loop(node);
      case prim::Print:
        return;
      case prim::RaiseException:
        throw ExecutionError("the model raises an error on an image of this size: " + node_message(node),
                             Reason::kSizeUnfit);
      default:
        break;
    }
    if (is_aten(node, "warn")) return;
    if (is_dropout(node)) return run_dropout(node);
    if (draws_random_numbers(node)) {
      throw ModelError(
          "refused " + describe(node) +
              ": it draws random numbers, so its result cannot be explained; export the model in eval mode",
          Reason::kTrainingMode);
    }
    if (is_of_packed_halves(node)) {
      throw ModelError("refused " + describe(node) +
                           ": its weights are packed as float16; export the model in float16 instead, model.half()",
                       Reason::kQuantised);
    }
    if (is_for_nested_tensors(node)) {
      throw ModelError("refused " + describe(node) +
                           ": it is for batches whose images differ in their number of tokens; export the model "
                           "without a padding mask",
                       Reason::kNotAllowed);
    }
    if (is_aten(node, "append")) return run_append(trace_, node);
    if (node->kind() == prim::TupleConstruct) return run_tuple(trace_, node);
    if (node->kind() == prim::TupleUnpack && run_unpack(trace_, node)) return;
    run_operator(trace_, node);
  }

  void run_constant(Node* node) {
    auto value = torch::jit::toIValue(node->output()).value_or(IValue());
    if (value.isDevice()) value = trace_.options.device;
    if (value.isTensor()) value = retarget(value.toTensor(), trace_.options);
    trace_.fixed.add(value);
    known_[node->output()] = {std::move(value)};
  }

  void run_attribute(Node* node) {
    const auto& owner = known_.at(node->input()).value;
    if (!owner.isObject()) {
      throw ModelError("refused " + describe(node) + ": it reads an attribute of what is no module",
                       Reason::kNotAllowed);
    }
    auto value = owner.toObjectRef().getAttr(node->s(torch::jit::attr::name));
    if (value.isTensor()) value = value.toTensor().detach();
    trace_.fixed.add(value);
    known_[node->output()] = {std::move(value)};
  }

  void run_branch(Node* node) {
    const auto& condition = known_.at(node->input());
    if (condition.missing) return trace_.leave_out(node, *condition.missing);
    if (condition.from_pixels) {
      throw ModelError("the model branches on what is in the image (" + describe(node) +
                           "), so one graph cannot stand for it; export a model without such a branch",
                       Reason::kDependsOnPixels);
    }
    Block* taken = node->blocks()[condition.value.toBool() ? 0 : 1];
    run(taken);
    for (size_t i = 0; i < node->outputs().size(); ++i) hand_out(taken->outputs()[i], node->outputs()[i]);
    // From here on nobody reads them under the name that they had inside.
    for (const Value* output : taken->outputs()) {
      if (output->node()->owningBlock() == taken) known_.erase(output);
    }
  }

  void run_loop(Node* node) {
    Block* body = node->blocks()[0];
    const auto trips = known_.at(node->inputs()[0]);
    auto condition = known_.at(node->inputs()[1]);
    std::vector<Known> carried;
    for (size_t i = 2; i < node->inputs().size(); ++i) carried.push_back(known_.at(node->inputs()[i]));
    if (trips.missing || condition.missing) {
      return trace_.leave_out(node, *(trips.missing ? trips.missing : condition.missing));
    }
    const int64_t most = trips.value.toInt();
    for (int64_t trip = 0; trip < most && condition.value.toBool(); ++trip) {
      if (condition.missing) refuse_missing(*condition.missing);
      if (condition.from_pixels || trips.from_pixels) {
        throw ModelError("the model loops as often as what is in the image says; export a model without such a loop",
                         Reason::kDependsOnPixels);
      }
      if (trip >= trace_.options.limits.trips) {
        throw ModelError("a loop of the model runs more than " + std::to_string(trace_.options.limits.trips) + " times",
                         Reason::kTooLarge);
      }
      known_[body->inputs()[0]] = {IValue(trip)};
      for (size_t i = 0; i < carried.size(); ++i) known_[body->inputs()[i + 1]] = carried[i];
      carried.clear();
      run(body);
      condition = known_.at(body->outputs()[0]);
      for (size_t i = 1; i < body->outputs().size(); ++i) carried.push_back(known_.at(body->outputs()[i]));
    }
    for (size_t i = 0; i < carried.size(); ++i) known_[node->outputs()[i]] = carried[i];
  }

  void run_dropout(Node* node) {
    const auto& p = known_.at(node->inputs()[1]).value;
    const auto& train = known_.at(node->inputs()[2]).value;
    if (train.isBool() && train.toBool() && p.toScalar().toDouble() > 0) {
      throw ModelError(
          "the model was exported in training mode (" + describe(node) + "): call model.eval() before exporting",
          Reason::kTrainingMode);
    }
    hand_out(node->inputs()[0], node->outputs()[0]);
  }

  void hand_out(Value* from, Value* to) { known_[to] = known_.at(from); }

  std::string node_message(Node* node) const {
    if (node->inputs().empty()) return "no reason given";
    const auto it = known_.find(node->inputs()[0]);
    if (it == known_.end() || !it->second.value.isString()) return "no reason given";
    auto text = it->second.value.toStringRef().substr(0, 300);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

  Trace& trace_;
  KnownValues& known_;
  int64_t nodes_ = 0;
};

// A result may be as large as the example asks for, within the limits.
StraightenOptions bounded(StraightenOptions options, const at::Tensor& input) {
  constexpr int64_t kLeast = int64_t{64} << 20;
  constexpr int64_t kTimesInput = 2048;  // an eager attention at 896² with patches of 8 and 16 heads needs half of it
  options.limits.bytes = std::clamp<int64_t>(input.nbytes() * kTimesInput, kLeast, options.limits.bytes);
  return options;
}

Budget budget_for(const Source& source, const at::Tensor& input, const StraightenOptions& limited) {
  int64_t parameters = 0;
  for (const auto& weight : source.weights) {
    parameters += static_cast<int64_t>(weight.storage().nbytes() / weight.element_size());
  }
  return Budget(limited.limits.bytes, parameters, input.numel());
}

void bind_arguments(Trace& trace, const Source& source, const at::Tensor& given) {
  const size_t given_at = input_argument(source);
  for (size_t i = 0; i < source.arguments.size(); ++i) {
    const auto& argument = source.arguments[i];
    auto& known = trace.known[source.graph->inputs()[i]];
    if (i == given_at) {
      known = {given, trace.line.graph->addInput("input"), true, true};
      trace.line.facts[known.straight] = {given.sizes().vec(), given.scalar_type(), std::nullopt};
    } else if (argument.value) {
      known = {*argument.value};
    } else {
      known = missing(argument);
    }
  }
}

}  // namespace

StraightLine straighten(const Source& source, const at::Tensor& input, const StraightenOptions& options) {
  const auto limited = bounded(options, input);
  StraightLine line;
  line.graph = std::make_shared<Graph>();
  Trace trace{limited, line, budget_for(source, input, limited)};
  bind_arguments(trace, source, input);
  Straightener(trace).run(source.graph->block());

  Known returned = trace.known.at(source.graph->outputs().at(0));
  if (returned.missing) refuse_missing(*returned.missing);
  if (!returned.from_images) {
    throw ModelError("the model's output does not depend on its input", Reason::kNotDifferentiable);
  }
  set_output(line, trace.place(returned), returned.value, options);
  drop_dead_code(line);
  return line;
}

}  // namespace legrad::graph
