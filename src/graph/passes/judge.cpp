#include "graph/passes/judge.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <string>
#include <utility>
#include <vector>

#include "graph/passes/outputs.h"
#include "graph/passes/trace.h"

namespace legrad::graph {
namespace {

using c10::IValue;

// A trace bakes in the device and the dtype it ran with; a model loaded on others means those.
void retarget(Graph& graph, const StraightenOptions& options) {
  for_each_node(graph, [&](Node* node) {
    const auto* schema = node->maybeSchema();
    for (size_t i = 0; schema && i < node->inputs().size() && i < schema->arguments().size(); ++i) {
      const auto constant = torch::jit::toIValue(node->input(i));
      if (!constant) continue;
      const torch::jit::WithInsertPoint guard(node);
      const bool dtype = schema->arguments()[i].name() == "dtype" && constant->isInt() &&
                         constant->toInt() == static_cast<int64_t>(options.from_dtype);
      if (dtype) node->replaceInput(i, graph.insertConstant(static_cast<int64_t>(options.to_dtype)));
      if (constant->isDouble()) {
        const double number = constant->toDouble();
        if (const double same = legrad::graph::retarget(number, options); same != number) {
          node->replaceInput(i, graph.insertConstant(same));
        }
      }
      if (constant->isDevice()) node->replaceInput(i, graph.insertConstant(options.device));
    }
  });
}

void silence(Graph& graph) {
  std::vector<Node*> loud;
  for_each_node(graph, [&](Node* node) {
    if (node->kind() == prim::Print || is_aten(node, "warn")) loud.push_back(node);
  });
  for (Node* node : loud) node->destroy();
}

// What a forward returned, by name or index.
NamedOutputs outputs_of(const IValue& returned) {
  NamedOutputs all;
  if (returned.isGenericDict()) {
    for (const auto& entry : returned.toGenericDict()) {
      all.emplace_back(entry.key().isString() ? entry.key().toStringRef() : "", entry.value());
    }
  } else if (returned.isTuple()) {
    const auto& elements = returned.toTupleRef().elements();
    const auto type = returned.toTupleRef().type();
    for (size_t i = 0; i < elements.size(); ++i) {
      all.emplace_back(type && type->schema() ? type->schema()->arguments().at(i).name() : "", elements[i]);
    }
  } else if (returned.isTensorList()) {
    for (const at::Tensor& tensor : returned.toTensorVector()) all.emplace_back("", tensor);
  } else {
    all.emplace_back("", returned);
  }
  return all;
}

std::optional<at::Tensor> chosen(const IValue& returned, const std::string& wanted, int64_t batch,
                                 const std::optional<Place>& place) {
  const auto all = outputs_of(returned);
  const auto at = choose(all, wanted, batch);
  if (!at || form_of(all[*at].second, batch) == OutputForm::kNone) return std::nullopt;
  return as_scores(all[*at].second.toTensor(), batch, place);
}

// A whole that also takes texts gives their part too; without texts, each of its outputs is asked for alone.
std::vector<std::shared_ptr<Graph>> parts_of(const std::shared_ptr<Graph>& graph, const std::string& wanted) {
  const Node* node = graph->outputs()[0]->node();
  const bool dict = node->kind() == prim::DictConstruct;
  if (!dict && node->kind() != prim::TupleConstruct && node->kind() != prim::ListConstruct) return {};
  std::vector<std::shared_ptr<Graph>> parts;
  for (size_t i = 0; i < node->inputs().size() / (dict ? 2 : 1); ++i) {
    const auto key = dict ? torch::jit::toIValue(node->input(2 * i)) : std::nullopt;
    const bool named = key && key->isString() && key->toStringRef() == wanted;
    if (!wanted.empty() && !named && wanted != std::to_string(i)) continue;
    auto part = graph->copy();
    Node* returned = part->outputs()[0]->node();
    part->registerOutput(returned->input(dict ? 2 * i + 1 : i));
    part->eraseOutput(0);
    torch::jit::EliminateDeadCode(part);
    parts.push_back(std::move(part));
  }
  return parts;
}

class Judge {
 public:
  Judge(const Source& source, const at::Tensor& images, const StraightenOptions& options)
      : source_(source), images_(images), options_(options), images_at_(input_argument(source)) {}

  std::optional<at::Tensor> run() const {
    auto graph = source_.graph->copy();
    silence(*graph);
    retarget(*graph, options_);
    torch::jit::EliminateDeadCode(graph);
    const int64_t batch = images_.size(0);
    if (is_complete(*graph)) return chosen(run(graph), options_.output, batch, options_.place);
    NamedOutputs parts;
    for (const auto& part : parts_of(graph, options_.output)) {
      if (is_complete(*part)) parts.emplace_back("", run(part));
    }
    const auto at = choose(parts, {}, batch);
    return at ? std::optional(as_scores(parts[*at].second.toTensor(), batch, options_.place)) : std::nullopt;
  }

 private:
  bool is_given(size_t argument) const {
    return argument == images_at_ || source_.arguments[argument].value.has_value();
  }

  // Whether every input that is read is there.
  bool is_complete(const Graph& graph) const {
    for (size_t i = 0; i < source_.arguments.size(); ++i) {
      if (!is_given(i) && graph.inputs()[i]->hasUses()) return false;
    }
    return true;
  }

  IValue run(const std::shared_ptr<Graph>& graph) const {
    torch::jit::Stack stack;
    for (size_t i = 0; i < source_.arguments.size(); ++i) {
      stack.push_back(i == images_at_ ? IValue(images_) : source_.arguments[i].value.value_or(IValue()));
    }
    try {
      const torch::jit::Code code(graph, "forward");
      torch::jit::InterpreterState(code).run(stack);
    } catch (const std::exception& error) {
      throw ModelError("the file's own forward fails on images that its parts run on: " + first_line(error),
                       Reason::kNotReproduced);
    }
    return stack.at(0);
  }

  const Source& source_;
  const at::Tensor& images_;
  const StraightenOptions& options_;
  size_t images_at_;
};

}  // namespace

std::optional<at::Tensor> run_as_it_stands(const Source& source, const at::Tensor& images,
                                           const StraightenOptions& options) {
  return Judge(source, images, options).run();
}

}  // namespace legrad::graph
