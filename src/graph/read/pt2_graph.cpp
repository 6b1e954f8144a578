#include "graph/read/pt2_graph.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/scalar_tensor.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "graph/read/pt2_json.h"
#include "graph/read/pt2_operators.h"
#include "graph/read/pt2_signature.h"
#include "graph/read/pt2_values.h"

namespace legrad::graph {
namespace {

using nlohmann::json;

constexpr const char* kGradientsSet = "torch.ops.higher_order.wrap_with_set_grad_enabled";
constexpr const char* kAutocastSet = "torch.ops.higher_order.wrap_with_autocast";

// Every name that an argument reads.
void collect_names(const json& value, std::unordered_set<std::string>& names) {
  if (value.is_object()) {
    for (const char* key : {"name", "as_name"}) {
      if (value.contains(key) && value.at(key).is_string()) names.insert(value.at(key).get<std::string>());
    }
  }
  if (value.is_structured()) {
    for (const auto& inner : value) collect_names(inner, names);
  }
}

class GraphReader {
 public:
  GraphReader(const json& graph_module, Pt2Weights& weights)
      : module_(graph_module), json_(graph_module.at("graph")), weights_(weights) {}

  Source read() {
    read_inputs();
    for (const json* node : needed_nodes(json_)) read_node(*node);
    read_outputs();
    source_.graph->lint();
    return std::move(source_);
  }

 private:
  Graph& graph() { return *source_.graph; }

  void read_inputs() {
    const auto names = argument_names(module_);
    for (const auto& spec : module_.at("signature").at("input_specs")) {
      const auto [kind, value] = tagged(spec);
      if (kind == "user_input") {
        read_user_input(value.at("arg"), names);
      } else if (kind == "parameter" || kind == "buffer" || kind == "tensor_constant") {
        const auto tensor = weights_.read(value.at(kind + "_name").get<std::string>());
        source_.weights.push_back(tensor);
        values_.define(value.at("arg").at("name").get<std::string>(), values_.constant(tensor));
      } else if (kind == "constant_input") {
        continue;  // written into the graph already
      } else {
        throw ModelError("an input of kind " + kind + " (a custom object?); expected weights and images",
                         Reason::kOtherInput);
      }
    }
  }

  void read_user_input(const json& argument, const std::vector<std::string>& names) {
    const auto [kind, value] = tagged(argument);
    const size_t index = user_inputs_++;
    if (kind != "as_tensor" && kind != "as_custom_obj") return;  // None or a number, written into the graph already
    if (kind == "as_custom_obj")
      throw ModelError("an input that is a custom object; expected images, a tensor", Reason::kOtherInput);
    const auto name = value.at("name").get<std::string>();
    Value* input = graph().addInput();
    input->setType(c10::TensorType::get());
    values_.define(name, input);
    Argument made{index < names.size() ? names[index] : name, "Tensor"};
    if (json_.at("tensor_values").contains(name)) made.sizes = example_sizes(json_.at("tensor_values").at(name));
    source_.arguments.push_back(std::move(made));
  }

  // Nodes that the outputs need, and those that write into a tensor others may read.
  static std::vector<const json*> needed_nodes(const json& graph) {
    std::unordered_set<std::string> wanted;
    collect_names(graph.at("outputs"), wanted);
    std::vector<const json*> nodes;
    const auto& all = graph.at("nodes");
    for (auto node = all.rbegin(); node != all.rend(); ++node) {
      std::unordered_set<std::string> made;
      collect_names(node->at("outputs"), made);
      const bool read = std::any_of(made.begin(), made.end(), [&](const auto& name) { return wanted.count(name) > 0; });
      if (!read && !writes(node->at("target").get<std::string>())) continue;
      for (const auto& input : node->at("inputs")) collect_names(input.at("arg"), wanted);
      nodes.push_back(&*node);
    }
    std::reverse(nodes.begin(), nodes.end());
    return nodes;
  }

  void read_node(const json& node) {
    const auto target = node.at("target").get<std::string>();
    const torch::jit::WithCurrentScope scope(graph(), scope_of(node));
    if (const auto arithmetic = size_operator(target); !arithmetic.empty()) {
      std::vector<Value*> inputs;
      for (const auto& input : node.at("inputs"))
        inputs.push_back(values_.argument(input.at("arg"), c10::IntType::get()));
      Node* made = insert(arithmetic, inputs, 1);
      const auto [kind, output] = tagged(node.at("outputs").at(0));
      made->output()->setType(kind == "as_sym_bool"    ? c10::TypePtr(c10::BoolType::get())
                              : kind == "as_sym_float" ? c10::TypePtr(c10::FloatType::get())
                                                       : c10::TypePtr(c10::IntType::get()));
      check_operator(made, target);
      values_.define(output.at("as_name").get<std::string>(), made->output());
      return;
    }
    if (target == kGradientsSet || target == kAutocastSet) return read_wrapped(node, target);
    auto [name, overload] = operator_name(target);
    if (name == "aten::sym_size") name = "aten::size";
    if (name == "aten::sym_numel") name = "aten::numel";
    const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) throw ModelError("refused " + target + ": this LibTorch has no such operator", Reason::kNotAllowed);
    const auto& schema = handle->schema();
    Node* made = insert(name, arguments(node, schema, target), schema.returns().size());
    if (!made->maybeOperator()) numbers_to_tensors(made, schema);
    for (size_t i = 0; i < schema.returns().size(); ++i) made->outputs()[i]->setType(schema.returns()[i].type());
    check_operator(made, target);
    // A number in the place of a tensor means the overload for numbers.
    bool number_for_tensor = false;
    for (size_t i = 0; i < schema.arguments().size(); ++i) {
      const bool tensor = made->input(i)->type()->isSubtypeOf(*c10::TensorType::get());
      number_for_tensor |= schema.arguments()[i].type()->kind() == c10::TypeKind::TensorType && !tensor;
    }
    // Where no scales are given, upsampling to a size has two overloads that take the same arguments.
    const bool same =
        name.find("::upsample_") != std::string::npos && (made->schema().overload_name() == "vec" || overload == "vec");
    if (made->schema().overload_name() != overload && !number_for_tensor && !same) refuse_arguments(target);
    define_outputs(node.at("outputs"), made);
  }

  // What stood in a block `with torch.no_grad()` or `with torch.autocast(..., enabled=False)`, as a graph of its own
  // with names of its own. Its nodes join the others. Where no gradient leads through it, none shall lead through its
  // outputs.
  void read_wrapped(const json& node, const std::string& target) {
    const auto& inputs = node.at("inputs");
    const size_t flag_at = target == kGradientsSet ? 0 : 2;
    const size_t graph_at = target == kGradientsSet ? 1 : 4;
    if (inputs.size() <= graph_at) refuse_arguments(target);
    const bool enabled = member(inputs.at(flag_at).at("arg"), "as_bool", target).get<bool>();
    if (enabled && target == kAutocastSet) {
      throw ModelError("refused " + target + ": its types are chosen when it runs; export the model without autocast",
                       Reason::kNotAllowed);
    }
    const auto& graph = member(inputs.at(graph_at).at("arg"), "as_graph", target).at("graph");
    const auto& names = graph.at("inputs");
    const auto& outputs = graph.at("outputs");
    if (names.size() != inputs.size() - graph_at - 1 || outputs.size() != node.at("outputs").size())
      refuse_arguments(target);

    Pt2Values::Names inner;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto name = names.at(i).begin().value();
      const auto key = name.contains("as_name") ? "as_name" : "name";
      inner.emplace(name.at(key).get<std::string>(),
                    values_.argument(inputs.at(graph_at + 1 + i).at("arg"), c10::TensorType::get()));
    }
    values_.swap(inner);
    for (const json* nested : needed_nodes(graph)) read_node(*nested);
    std::vector<Value*> results;
    for (const auto& output : outputs) results.push_back(values_.find(member(output, "as_tensor", target).at("name")));
    values_.swap(inner);
    for (size_t i = 0; i < results.size(); ++i) {
      Value* result =
          enabled || target == kAutocastSet ? results[i] : insert("aten::detach", {results[i]}, 1)->output();
      values_.define(member(node.at("outputs").at(i), "as_tensor", target).at("name").get<std::string>(), result);
    }
  }

  static const json& member(const json& object, const char* kind, const std::string& target) {
    if (!object.is_object() || !object.contains(kind)) refuse_arguments(target);
    return object.at(kind);
  }

  // A decomposed 1 - x: a number in the place of a tensor where there is no overload for numbers.
  void numbers_to_tensors(Node* node, const c10::FunctionSchema& schema) {
    const torch::jit::WithInsertPoint before(node);
    for (size_t i = 0; i < schema.arguments().size(); ++i) {
      const auto number = torch::jit::toIValue(node->input(i));
      const bool tensor = schema.arguments()[i].type()->kind() == c10::TypeKind::TensorType;
      if (tensor && number && number->isScalar()) {
        node->replaceInput(
            i, values_.constant(at::scalar_tensor(number->toScalar(), number->isDouble() ? at::kDouble : at::kLong)));
      }
    }
  }

  std::vector<Value*> arguments(const json& node, const c10::FunctionSchema& schema, const std::string& target) {
    std::map<std::string, const json*> given;
    for (const auto& input : node.at("inputs")) given[input.at("name").get<std::string>()] = &input.at("arg");
    std::vector<Value*> inputs;
    for (const auto& declared : schema.arguments()) {
      const auto found = given.find(declared.name());
      if (found != given.end()) {
        inputs.push_back(values_.argument(*found->second, declared.type()));
        given.erase(found);
      } else if (declared.default_value()) {
        inputs.push_back(values_.constant(*declared.default_value()));
      } else {
        throw ModelError("refused " + target + ": it is given no \"" + declared.name() + "\"", Reason::kDamaged);
      }
    }
    if (!given.empty())
      throw ModelError("refused " + target + ": it has no argument \"" + given.begin()->first + "\"", Reason::kDamaged);
    return inputs;
  }

  void define_outputs(const json& outputs, Node* made) {
    if (outputs.size() > made->outputs().size())
      throw ModelError("an operator has more outputs than it can have", Reason::kDamaged);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto [kind, value] = tagged(outputs[i]);
      Value* output = made->outputs()[i];
      if (kind == "as_tensor") {
        values_.define(value.at("name").get<std::string>(), output);
      } else if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") {
        if (output->type()->kind() == c10::TypeKind::NumberType) output = typed_number(output, kind);
        values_.define(value.at("as_name").get<std::string>(), output);
      } else if (kind == "as_tensors") {
        Node* unpacked = graph().insertNode(graph().createListUnpack(output, value.size()));
        for (size_t k = 0; k < value.size(); ++k)
          values_.define(value[k].at("name").get<std::string>(), unpacked->outputs()[k]);
      } else if (kind != "as_none") {
        throw ModelError("an operator with an output of kind " + kind, Reason::kNotAllowed);
      }
    }
  }

  // A number read out of a tensor, of the type the file says it has.
  Value* typed_number(Value* number, const std::string& kind) {
    const bool whole = kind == "as_sym_int";
    const bool truth = kind == "as_sym_bool";
    Node* made = insert(whole ? "aten::Int" : truth ? "aten::Bool" : "aten::Float", {number}, 1);
    if (truth) {
      made->output()->setType(c10::BoolType::get());
    } else {
      made->output()->setType(whole ? c10::TypePtr(c10::IntType::get()) : c10::TypePtr(c10::FloatType::get()));
    }
    return made->output();
  }

  void read_outputs() {
    for (const auto& spec : module_.at("signature").at("output_specs")) {
      const auto kind = tagged(spec).kind;
      if (kind != "user_output")
        throw ModelError("its forward does more than return a result (" + kind + ")", Reason::kWritesInPlace);
    }
    const auto& all = json_.at("outputs");
    const auto names = output_names(module_);
    const bool named = names.size() == all.size();
    std::vector<Value*> keys;
    std::vector<Value*> outputs;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto [kind, value] = tagged(all[i]);
      if (kind != "as_tensor") continue;  // None, or a number
      outputs.push_back(values_.find(value.at("name")));
      if (named) keys.push_back(values_.constant(names[i]));
    }
    if (outputs.empty()) throw ModelError("its forward returns no tensor", Reason::kNoSuitableOutput);
    if (named) {
      graph().registerOutput(
          graph()
              .insertNode(graph().createDict(c10::StringType::get(), c10::TensorType::get(), keys, outputs))
              ->output());
    } else if (outputs.size() == 1) {
      graph().registerOutput(outputs[0]);
    } else {
      graph().registerOutput(graph().insertNode(graph().createTuple(outputs))->output());
    }
  }

  // "blocks.0.attn", the module a node comes from: the last entry of "id,path,class;id,path,class".
  torch::jit::ScopePtr scope_of(const json& node) {
    const auto stack = node.value("metadata", json::object()).value("nn_module_stack", std::string());
    const auto entry = stack.substr(stack.rfind(';') == std::string::npos ? 0 : stack.rfind(';') + 1);
    const auto first = entry.find(',');
    const auto second = entry.find(',', first + 1);
    if (first == std::string::npos || second == std::string::npos || second == first + 1) return root_;
    std::string path = entry.substr(first + 1, second - first - 1);
    std::erase_if(path, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
    return path.empty() || path.size() > 200 ? root_ : root_->push(c10::Symbol::scope(path));
  }

  static void check_operator(Node* node, const std::string& target) {
    if (!node->maybeOperator()) refuse_arguments(target);
  }

  Node* insert(const std::string& name, const std::vector<Value*>& inputs, size_t outputs) {
    return graph().insertNode(graph().create(c10::Symbol::fromQualString(name), inputs, outputs));
  }

  const json& module_;
  const json& json_;
  Pt2Weights& weights_;
  Source source_{{}, std::make_shared<Graph>(), {}, {}};
  Pt2Values values_{*source_.graph};
  size_t user_inputs_ = 0;
  torch::jit::ScopePtr root_ = c10::make_intrusive<torch::jit::Scope>();
};

}  // namespace

Source read_graph(const json& graph_module, Pt2Weights& weights) { return GraphReader(graph_module, weights).read(); }

}  // namespace legrad::graph
