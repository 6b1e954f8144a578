#include "graph/read/pt2_graph.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/scalar_tensor.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "io/parse_json.h"

namespace legrad::graph {
namespace {

using c10::IValue;
using nlohmann::json;

constexpr const char* kGradientsSet = "torch.ops.higher_order.wrap_with_set_grad_enabled";
constexpr const char* kAutocastSet = "torch.ops.higher_order.wrap_with_autocast";
constexpr int kStrided = 7;  // torch.export's number for the layout of dense tensors

// "torch.ops.aten.add.Tensor", taken apart.
struct Target {
  std::string name;  // aten::add
  std::string overload;
};

// An argument is an object with one member, whose name is its kind.
struct Tagged {
  std::string kind;
  const json& value;
};

Tagged tagged(const json& object) {
  if (!object.is_object() || object.size() != 1)
    throw ModelError("an argument that is no union: " + object.dump().substr(0, 80), Reason::kDamaged);
  return {object.begin().key(), object.begin().value()};
}

// Python's integer arithmetic on sizes.
std::string size_operator(const std::string& target) {
  static const std::map<std::string, std::string> kNames = {
      {"truediv", "div"},   {"pow", "pow"}, {"add", "add"}, {"sub", "sub"}, {"mul", "mul"}, {"floordiv", "floordiv"},
      {"mod", "remainder"}, {"neg", "neg"}, {"eq", "eq"},   {"ne", "ne"},   {"lt", "lt"},   {"le", "le"},
      {"gt", "gt"},         {"ge", "ge"}};
  constexpr std::string_view kPrefix = "_operator.";
  if (target.rfind(kPrefix, 0) != 0) return {};
  const auto found = kNames.find(target.substr(kPrefix.size()));
  return found == kNames.end() ? std::string() : "aten::" + found->second;
}

Target operator_target(const std::string& target) {
  constexpr std::string_view kPrefix = "torch.ops.";
  const auto refuse = [&](const std::string& why) {
    throw ModelError("refused " + target + ": " + why, Reason::kNotAllowed);
  };
  if (target.rfind(kPrefix, 0) != 0) refuse("it is no torch operator");
  const auto rest = target.substr(kPrefix.size());
  const auto space_end = rest.find('.');
  const auto name_end = rest.rfind('.');
  const auto space = rest.substr(0, space_end);
  if (space == "higher_order")
    refuse("a higher-order operator holds graphs of its own; export a model without control flow");
  if (space_end == std::string::npos || name_end == space_end) refuse("it is no torch operator");
  if (space.starts_with("quantized") || space == "torchao") {
    throw ModelError(
        "refused " + target +
            ": quantised models are not supported as .pt2, only int8 weights of linear layers as TorchScript "
            "(torch.ao.quantization.quantize_dynamic, then torch.jit.trace); or export before quantising",
        Reason::kQuantised);
  }
  if (space != "aten") refuse("expected operators of aten alone");
  const auto overload = rest.substr(name_end + 1);
  return {space + "::" + rest.substr(space_end + 1, name_end - space_end - 1), overload == "default" ? "" : overload};
}

// JSON within a text of the JSON; null where it is none.
json parsed(const std::string& text) {
  try {
    return io::parse_json(text);
  } catch (const Error&) {
    return nullptr;
  }
}

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
    source_.graph = std::make_shared<Graph>();
    read_inputs();
    for (const json* node : needed_nodes(json_)) read_node(*node);
    read_outputs();
    source_.graph->lint();
    return std::move(source_);
  }

 private:
  Graph& graph() { return *source_.graph; }

  void read_inputs() {
    const auto names = argument_names();
    for (const auto& spec : module_.at("signature").at("input_specs")) {
      const auto [kind, value] = tagged(spec);
      if (kind == "user_input") {
        read_user_input(value.at("arg"), names);
      } else if (kind == "parameter" || kind == "buffer" || kind == "tensor_constant") {
        const auto tensor = weights_.read(value.at(kind + "_name").get<std::string>());
        source_.weights.push_back(tensor);
        define(value.at("arg").at("name").get<std::string>(), constant(tensor));
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
    define(name, input);
    Argument made{index < names.size() ? names[index] : name, "Tensor"};
    if (json_.at("tensor_values").contains(name)) made.sizes = example_sizes(json_.at("tensor_values").at(name));
    source_.arguments.push_back(std::move(made));
  }

  std::vector<std::string> argument_names() const {
    const auto& calls = module_.at("module_call_graph");
    if (calls.empty() || calls[0].at("signature").is_null()) return {};
    const auto& signature = calls[0].at("signature");
    const auto names = signature.find("forward_arg_names");
    if (names == signature.end() || !names->is_array()) return {};
    return names->get<std::vector<std::string>>();
  }

  // Sizes of the tensor the export was made with; empty where they are not all told.
  static std::vector<int64_t> example_sizes(const json& meta) {
    std::vector<int64_t> sizes;
    for (const auto& entry : meta.at("sizes")) {
      const auto [kind, value] = tagged(entry);
      const json* number = &value;
      if (kind == "as_expr") {
        if (value.at("hint").is_null()) return {};
        number = &value.at("hint").at("as_int");
      }
      sizes.push_back(integer(*number));
    }
    return sizes;
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

  static bool writes(const std::string& target) {
    if (target.rfind("torch.ops.", 0) != 0) return false;
    if (target.rfind("torch.ops.aten.", 0) != 0) return true;  // who knows; refused when it is read
    const auto [name, overload] = operator_target(target);
    const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    return found && found->schema().is_mutable();
  }

  void read_node(const json& node) {
    const auto target = node.at("target").get<std::string>();
    const torch::jit::WithCurrentScope scope(graph(), scope_of(node));
    if (const auto arithmetic = size_operator(target); !arithmetic.empty()) {
      std::vector<Value*> inputs;
      for (const auto& input : node.at("inputs")) inputs.push_back(argument(input.at("arg"), c10::IntType::get()));
      Node* made = insert(arithmetic, inputs, 1);
      const auto [kind, output] = tagged(node.at("outputs").at(0));
      made->output()->setType(kind == "as_sym_bool"    ? c10::TypePtr(c10::BoolType::get())
                              : kind == "as_sym_float" ? c10::TypePtr(c10::FloatType::get())
                                                       : c10::TypePtr(c10::IntType::get()));
      check_operator(made, target);
      define(output.at("as_name").get<std::string>(), made->output());
      return;
    }
    if (target == kGradientsSet || target == kAutocastSet) return read_wrapped(node, target);
    auto [name, overload] = operator_target(target);
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

    std::unordered_map<std::string, Value*> inner;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto name = names.at(i).begin().value();
      const auto key = name.contains("as_name") ? "as_name" : "name";
      inner.emplace(name.at(key).get<std::string>(),
                    argument(inputs.at(graph_at + 1 + i).at("arg"), c10::TensorType::get()));
    }
    values_.swap(inner);
    for (const json* nested : needed_nodes(graph)) read_node(*nested);
    std::vector<Value*> results;
    for (const auto& output : outputs) results.push_back(find(member(output, "as_tensor", target).at("name")));
    values_.swap(inner);
    for (size_t i = 0; i < results.size(); ++i) {
      Value* result =
          enabled || target == kAutocastSet ? results[i] : insert("aten::detach", {results[i]}, 1)->output();
      define(member(node.at("outputs").at(i), "as_tensor", target).at("name").get<std::string>(), result);
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
            i, constant(at::scalar_tensor(number->toScalar(), number->isDouble() ? at::kDouble : at::kLong)));
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
        inputs.push_back(argument(*found->second, declared.type()));
        given.erase(found);
      } else if (declared.default_value()) {
        inputs.push_back(constant(*declared.default_value()));
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
        define(value.at("name").get<std::string>(), output);
      } else if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") {
        if (output->type()->kind() == c10::TypeKind::NumberType) output = typed_number(output, kind);
        define(value.at("as_name").get<std::string>(), output);
      } else if (kind == "as_tensors") {
        Node* unpacked = graph().insertNode(graph().createListUnpack(output, value.size()));
        for (size_t k = 0; k < value.size(); ++k)
          define(value[k].at("name").get<std::string>(), unpacked->outputs()[k]);
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

  Value* argument(const json& object, const c10::TypePtr& wanted) {
    const auto [kind, value] = tagged(object);
    const auto inner = wanted->kind() == c10::TypeKind::OptionalType
                           ? wanted->expectRef<c10::OptionalType>().getElementType()
                           : wanted;
    if (kind == "as_none") return constant(IValue());
    if (kind == "as_tensor") return find(value.at("name"));
    if (kind == "as_bool" && inner->kind() == c10::TypeKind::NumberType) {
      return constant(static_cast<int64_t>(value.get<bool>()));  // the type that it has in the model is told beside it
    }
    if (kind == "as_bool") return constant(value.get<bool>());
    if (kind == "as_string") return constant(value.get<std::string>());
    if (kind == "as_scalar_type") return constant(static_cast<int64_t>(scalar_type(value)));
    if (kind == "as_layout" && integer(value) != kStrided)
      throw ModelError("a tensor that is not dense", Reason::kNotAllowed);
    if (kind == "as_layout") return constant(static_cast<int64_t>(c10::Layout::Strided));
    if (kind == "as_memory_format") return constant(memory_format(value));
    if (kind == "as_device") return constant(IValue(c10::Device(value.at("type").get<std::string>())));
    if (kind == "as_float") return constant(number(value));
    if (kind == "as_int") {
      if (inner->kind() == c10::TypeKind::FloatType) return constant(static_cast<double>(integer(value)));
      return constant(integer(value));
    }
    if (kind == "as_sym_int" || kind == "as_sym_bool" || kind == "as_sym_float") return symbol(value, inner);
    if (kind == "as_ints" || kind == "as_sym_ints") return ints(value, inner);
    if (kind == "as_floats") {
      c10::List<double> list;
      for (const auto& entry : value) list.push_back(number(entry));
      return constant(list);
    }
    if (kind == "as_bools") {
      c10::List<bool> list;
      for (const auto& entry : value) list.push_back(entry.get<bool>());
      return constant(list);
    }
    if (kind == "as_tensors") {
      std::vector<Value*> list;
      for (const auto& entry : value) list.push_back(find(entry.at("name")));
      const bool optional = inner->kind() == c10::TypeKind::ListType &&
                            *inner->expectRef<c10::ListType>().getElementType() == *c10::OptionalType::ofTensor();
      const c10::TypePtr element = optional ? c10::TypePtr(c10::OptionalType::ofTensor()) : c10::TensorType::get();
      return graph().insertNode(graph().createList(element, list))->output();
    }
    if (kind == "as_optional_tensor") {
      const auto [inner_kind, tensor] = tagged(value);
      return inner_kind == "as_tensor" ? find(tensor.at("name")) : constant(IValue());
    }
    if (kind == "as_optional_tensors") {
      std::vector<Value*> list;
      for (const auto& entry : value) {
        const auto [inner_kind, tensor] = tagged(entry);
        list.push_back(inner_kind == "as_tensor" ? find(tensor.at("name")) : constant(IValue()));
      }
      return graph().insertNode(graph().createList(c10::OptionalType::ofTensor(), list))->output();
    }
    throw ModelError(
        "an operator with an argument of kind " + kind + " (a custom object or a graph?), which is not supported",
        Reason::kNotAllowed);
  }

  // A size that is a number, or the name of one.
  Value* symbol(const json& value, const c10::TypePtr& wanted) {
    if (value.contains("as_name")) return find(value.at("as_name"));
    return argument(value, wanted);
  }

  Value* ints(const json& values, const c10::TypePtr& wanted) {
    const bool floats = wanted->kind() == c10::TypeKind::ListType &&
                        wanted->expectRef<c10::ListType>().getElementType()->kind() == c10::TypeKind::FloatType;
    std::vector<Value*> list;
    c10::List<int64_t> numbers;
    c10::List<double> as_floats;
    for (const auto& entry : values) {
      const json& plain = entry.is_object() && entry.contains("as_int") ? entry.at("as_int") : entry;
      if (plain.is_number_integer()) {
        numbers.push_back(integer(plain));
        as_floats.push_back(plain.get<double>());
      }
      if (!floats) list.push_back(plain.is_number_integer() ? constant(integer(plain)) : find(entry.at("as_name")));
    }
    if (floats && as_floats.size() == values.size()) return constant(as_floats);
    if (numbers.size() == values.size()) return constant(numbers);
    return graph().insertNode(graph().createList(c10::IntType::get(), list))->output();
  }

  static double number(const json& value) {
    if (!value.is_string()) return value.get<double>();
    const auto text = value.get<std::string>();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    throw ModelError("a number that is \"" + text.substr(0, 20) + "\"", Reason::kDamaged);
  }

  static int64_t memory_format(const json& number) {
    static const std::map<int64_t, c10::MemoryFormat> kFormats = {{1, c10::MemoryFormat::Contiguous},
                                                                  {2, c10::MemoryFormat::ChannelsLast},
                                                                  {3, c10::MemoryFormat::ChannelsLast3d},
                                                                  {4, c10::MemoryFormat::Preserve}};
    const auto found = kFormats.find(integer(number));
    if (found == kFormats.end()) throw ModelError("a memory format of number " + number.dump(), Reason::kNotAllowed);
    return static_cast<int64_t>(found->second);
  }

  void read_outputs() {
    for (const auto& spec : module_.at("signature").at("output_specs")) {
      const auto kind = tagged(spec).kind;
      if (kind != "user_output")
        throw ModelError("its forward does more than return a result (" + kind + ")", Reason::kWritesInPlace);
    }
    const auto& all = json_.at("outputs");
    const auto names = output_names();
    const bool named = names.size() == all.size();
    std::vector<Value*> keys;
    std::vector<Value*> outputs;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto [kind, value] = tagged(all[i]);
      if (kind != "as_tensor") continue;  // None, or a number
      outputs.push_back(find(value.at("name")));
      if (named) keys.push_back(constant(names[i]));
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

  // The keys of what the forward returns, where it is a dict of tensors.
  std::vector<std::string> output_names() const {
    const auto& calls = module_.at("module_call_graph");
    if (calls.empty() || calls[0].at("signature").is_null()) return {};
    const auto text = calls[0].at("signature").value("out_spec", std::string());
    const auto spec = parsed(text);
    if (!spec.is_array() || spec.size() != 2 || !spec[1].is_object()) return {};
    const auto context = spec[1].find("context");
    if (context == spec[1].end() || !context->is_string()) return {};
    const auto keys = parsed(context->get<std::string>());
    std::vector<std::string> names;
    if (!keys.is_array()) return {};
    for (const auto& key : keys) {
      if (!key.is_string()) return {};
      names.push_back(key.get<std::string>());
    }
    return names;
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

  [[noreturn]] static void refuse_arguments(const std::string& target) {
    throw ModelError("refused " + target + ": its arguments do not fit it", Reason::kDamaged);
  }

  static void check_operator(Node* node, const std::string& target) {
    if (!node->maybeOperator()) refuse_arguments(target);
  }

  Node* insert(const std::string& name, const std::vector<Value*>& inputs, size_t outputs) {
    return graph().insertNode(graph().create(c10::Symbol::fromQualString(name), inputs, outputs));
  }

  Value* constant(const IValue& value) { return graph().insertConstant(value); }

  void define(const std::string& name, Value* value) {
    if (!values_.emplace(name, value).second)
      throw ModelError("two values are called \"" + name + "\"", Reason::kDamaged);
  }

  Value* find(const json& name) const {
    const auto found = values_.find(name.get<std::string>());
    if (found == values_.end())
      throw ModelError("nothing is called \"" + name.get<std::string>() + "\"", Reason::kDamaged);
    return found->second;
  }

  const json& module_;
  const json& json_;
  Pt2Weights& weights_;
  Source source_;
  std::unordered_map<std::string, Value*> values_;
  size_t user_inputs_ = 0;
  torch::jit::ScopePtr root_ = c10::make_intrusive<torch::jit::Scope>();
};

}  // namespace

Source read_graph(const json& graph_module, Pt2Weights& weights) { return GraphReader(graph_module, weights).read(); }

}  // namespace legrad::graph
