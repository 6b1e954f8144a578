#include "graph/passes/straighten.h"

#include <ATen/Functions.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "graph/ir/program.h"
#include "graph/passes/outputs.h"

namespace legrad::graph {
namespace {

using c10::IValue;
using torch::jit::Block;
using Stack = std::vector<IValue>;

// A value of the module's graph, run on the example.
struct Known {
  IValue value;
  Value* straight = nullptr;      // its place on the straight line; none for a constant nobody needed yet
  bool from_images = false;       // depends on the images, if only on their size
  bool from_pixels = false;       // depends on what is in them
  std::vector<Known> elements{};  // of a tuple
  // An input nobody gave, such as a text, that it depends on; there is no value then.
  const Argument* missing = nullptr;
};

Known missing(const Argument& argument) {
  Known known;
  known.missing = &argument;
  return known;
}

[[noreturn]] void refuse_missing(const Argument& argument) {
  throw ModelError(
      "the model takes another input, \"" + argument.name + "\" (" + argument.type +
      "), and its output depends on it; expected a vision tower that takes images alone: export the vision "
      "part of the model");
}

bool is_dropout(const Node* node) {
  return is_aten(node, "dropout") || is_aten(node, "feature_dropout") || is_aten(node, "alpha_dropout") ||
         is_aten(node, "dropout_") || is_aten(node, "native_dropout");
}

bool is_alias(const at::Tensor& a, const at::Tensor& b) {
  return a.defined() && b.defined() && a.has_storage() && b.has_storage() && a.numel() > 0 &&
         a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
}

// For each value of a block, the block's own node that reads it last, in its inner blocks too.
std::unordered_map<const Node*, std::vector<Value*>> last_uses(Block* block) {
  std::unordered_map<Value*, Node*> last;
  std::function<void(Block*, Node*)> visit = [&](Block* inner, Node* top) {
    for (Node* node : inner->nodes()) {
      Node* at = top ? top : node;
      for (Value* input : node->inputs()) last[input] = at;
      for (Block* nested : node->blocks()) {
        visit(nested, at);
        for (Value* output : nested->outputs()) last[output] = at;
      }
    }
  };
  visit(block, nullptr);
  for (Value* output : block->outputs()) last.erase(output);
  std::unordered_map<const Node*, std::vector<Value*>> ended;
  for (const auto& [value, node] : last) {
    if (value->node()->owningBlock() == block) ended[node].push_back(value);
  }
  return ended;
}

class Straightener {
 public:
  Straightener(const StraightenOptions& options, StraightLine& line) : options_(options), line_(line) {}

  void bind(Value* source, Known known) { known_[source] = std::move(known); }
  const Known& known(Value* source) const { return known_.at(source); }

  void run(Block* block) {
    const auto ended = last_uses(block);
    for (Node* node : block->nodes()) {
      run(node);
      if (const auto it = ended.find(node); it != ended.end()) {
        for (Value* value : it->second) known_.erase(value);
      }
    }
  }

  // The place of a value on the straight line; a constant gets one when it is first needed.
  Value* place(Known& known) {
    if (known.missing) refuse_missing(*known.missing);
    if (!known.straight && known.from_images) {
      place_tuple(known);
    } else if (!known.straight) {
      fix_storage(known.value);
      const auto inserted = torch::jit::tryInsertConstant(*line_.graph, known.value);
      if (!inserted) throw ModelError("a value of type " + known.value.tagKind() + " reaches an operator of the model");
      known.straight = *inserted;
      note(known);
    }
    return known.straight;
  }

 private:
  void place_tuple(Known& known) {
    std::vector<Value*> places;
    for (auto& element : known.elements) {
      places.push_back(element.missing ? line_.graph->insertConstant(IValue()) : place(element));
    }
    known.straight = line_.graph->insertNode(line_.graph->createTuple(places))->output();
  }

  void run(Node* node) {
    if (++nodes_ > options_.limits.nodes) {
      throw ModelError("the model executes more than " + std::to_string(options_.limits.nodes) +
                       " operators for one image; a loop without end?");
    }
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
        throw ExecutionError("the model raises an error on an image of this size: " + node_message(node));
      default:
        break;
    }
    if (is_aten(node, "warn")) return;
    if (is_dropout(node)) return run_dropout(node);
    if (is_aten(node, "append")) return run_append(node);
    if (node->kind() == prim::TupleConstruct) return run_tuple(node);
    if (node->kind() == prim::TupleUnpack && run_unpack(node)) return;
    run_operator(node);
  }

  void run_constant(Node* node) {
    auto value = torch::jit::toIValue(node->output()).value_or(IValue());
    if (value.isDevice()) value = options_.device;
    if (value.isTensor()) value = retarget(value.toTensor());
    fix_storage(value);
    known_[node->output()] = {std::move(value)};
  }

  void run_attribute(Node* node) {
    const auto& owner = known_.at(node->input()).value;
    if (!owner.isObject())
      throw ModelError("refused " + describe(node) + ": it reads an attribute of what is no module");
    auto value = owner.toObjectRef().getAttr(node->s(torch::jit::attr::name));
    if (value.isTensor()) value = value.toTensor().detach();
    fix_storage(value);
    known_[node->output()] = {std::move(value)};
  }

  void run_branch(Node* node) {
    const auto& condition = known_.at(node->input());
    if (condition.missing) return leave_out(node, *condition.missing);
    if (condition.from_pixels) {
      throw ModelError("the model branches on what is in the image (" + describe(node) +
                       "), so one graph cannot stand for it; export a model without such a branch");
    }
    Block* taken = node->blocks()[condition.value.toBool() ? 0 : 1];
    run(taken);
    for (size_t i = 0; i < node->outputs().size(); ++i) hand_out(taken->outputs()[i], node->outputs()[i]);
  }

  void run_loop(Node* node) {
    Block* body = node->blocks()[0];
    const auto trips = known_.at(node->inputs()[0]);
    auto condition = known_.at(node->inputs()[1]);
    std::vector<Known> carried;
    for (size_t i = 2; i < node->inputs().size(); ++i) carried.push_back(known_.at(node->inputs()[i]));
    if (trips.missing || condition.missing)
      return leave_out(node, *(trips.missing ? trips.missing : condition.missing));
    const int64_t most = trips.value.toInt();
    for (int64_t trip = 0; trip < most && condition.value.toBool(); ++trip) {
      if (condition.missing) refuse_missing(*condition.missing);
      if (condition.from_pixels || trips.from_pixels) {
        throw ModelError("the model loops as often as what is in the image says; export a model without such a loop");
      }
      if (trip >= options_.limits.trips) {
        throw ModelError("a loop of the model runs more than " + std::to_string(options_.limits.trips) + " times");
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
      throw ModelError("the model was exported in training mode (" + describe(node) +
                       "): call model.eval() before exporting");
    }
    hand_out(node->inputs()[0], node->outputs()[0]);
  }

  // A list that grows becomes a longer list under the same name.
  void run_append(Node* node) {
    auto& list = known_.at(node->inputs()[0]);
    auto& element = known_.at(node->inputs()[1]);
    if (element.missing || list.missing) {
      list = missing(*(element.missing ? element.missing : list.missing));
      return leave_out(node, *list.missing);
    }
    auto elements = list.value.toListRef().vec();
    std::vector<Value*> places;
    if (list.straight && list.straight->node()->kind() == prim::ListConstruct) {
      places = list.straight->node()->inputs().vec();
    } else if (list.straight) {
      throw ModelError("refused " + describe(node) + ": the list was not made here");
    }
    Known grown{{}, nullptr, list.from_images || element.from_images, list.from_pixels || element.from_pixels};
    if (grown.from_images && !list.straight) {
      for (const auto& value : elements) {
        Known constant{value};
        places.push_back(place(constant));
      }
    }
    elements.push_back(element.value);
    if (static_cast<int64_t>(elements.size()) > options_.limits.list_elements)
      throw ModelError("a list of the model grows without end");
    const auto type = node->inputs()[0]->type();
    if (grown.from_images) {
      places.push_back(place(element));
      Node* made = line_.graph->create(prim::ListConstruct, places, 1);
      made->output()->setType(type);
      line_.graph->insertNode(made);
      grown.straight = made->output();
    }
    c10::impl::GenericList values(type->expect<c10::ListType>()->getElementType());
    for (const auto& value : elements) values.push_back(value);
    grown.value = typed_list(values);
    known_[node->outputs()[0]] = grown;
    known_[node->inputs()[0]] = std::move(grown);
  }

  void hand_out(Value* from, Value* to) { known_[to] = known_.at(from); }

  // A tuple keeps what was seen of its elements, so that taking it apart gives them back.
  void run_tuple(Node* node) {
    Known made;
    std::vector<IValue> values;
    for (Value* input : node->inputs()) {
      made.elements.push_back(known_.at(input));
      const auto& element = made.elements.back();
      values.push_back(element.value);  // None where nobody gave it
      made.from_images = made.from_images || element.from_images;
      made.from_pixels = made.from_pixels || element.from_pixels;
    }
    const auto type = node->output()->type()->cast<c10::TupleType>();
    made.value = type && type->schema() ? c10::ivalue::Tuple::createNamed(std::move(values), type)
                                        : c10::ivalue::Tuple::create(std::move(values));
    known_[node->output()] = std::move(made);
  }

  bool run_unpack(Node* node) {
    const auto elements = known_.at(node->input()).elements;
    if (elements.size() != node->outputs().size()) return false;
    for (size_t i = 0; i < elements.size(); ++i) known_[node->outputs()[i]] = elements[i];
    return true;
  }

  void leave_out(Node* node, const Argument& argument) {
    for (Value* output : node->outputs()) known_[output] = missing(argument);
  }

  // What follows from an input nobody gave is not there either; but a dict may hold it beside what is.
  bool run_without(Node* node) {
    if (node->kind() == prim::DictConstruct) return false;
    for (Value* input : node->inputs()) {
      const auto* argument = known_.at(input).missing;
      if (!argument) continue;
      leave_out(node, *argument);
      return true;
    }
    return false;
  }

  // A write that has nothing to do with pixels, into memory that is neither a weight's nor held by the line, is made as it
  // stands; everything that shares the memory becomes a constant.
  bool writes_constants(Node* node) {
    for (Value* input : node->inputs()) {
      if (known_.at(input).from_pixels || known_.at(input).missing) return false;
    }
    const auto target = known_.at(node->inputs()[0]).value.toTensor();
    if (!target.has_storage() || fixed_storages_.count(target.storage().unsafeGetStorageImpl()) > 0) return false;
    for (auto& [value, known] : known_) {
      if (!known.value.isTensor() || !is_alias(known.value.toTensor(), target)) continue;
      known.straight = nullptr;
      known.from_images = false;
    }
    return true;
  }

  void fix_storage(const IValue& value) {
    if (value.isTensor() && value.toTensor().defined() && value.toTensor().has_storage()) {
      fixed_storages_.insert(value.toTensor().storage().unsafeGetStorageImpl());
    }
  }

  void run_operator(Node* source) {
    if (run_without(source)) return;
    Node* node = source;
    std::shared_ptr<Graph> scratch;
    const auto functional = functional_name(source);
    const bool constant_write = !functional.empty() && writes_constants(source);
    if (!functional.empty() && !constant_write) {
      check_not_shared(source);
      node = make_functional(source, functional, scratch);
    }
    Stack stack;
    bool from_images = false;
    bool from_pixels = false;
    for (Value* input : source->inputs()) {
      const auto& known = known_.at(input);
      stack.push_back(known.value);  // None where nobody gave it
      from_images = from_images || known.from_images;
      from_pixels = from_pixels || known.from_pixels;
    }
    retarget_types(node, stack);
    const auto arguments = stack;
    try {
      run_bounded(node, make_step(node), stack, options_.limits);
    } catch (const Error& error) {
      throw ModelError(error.what());
    } catch (const std::exception& error) {
      throw ExecutionError("running the model failed at " + describe(source) + ": " + first_line(error));
    }
    if (constant_write) from_images = false;
    if (reads_shape_only(source)) from_pixels = false;
    if (from_pixels) check_no_number(source);
    Node* emitted = from_images ? emit(node, source->inputs(), arguments) : nullptr;
    for (size_t i = 0; i < source->outputs().size(); ++i) {
      Known result{stack.at(i), emitted ? emitted->outputs()[i] : nullptr, from_images, from_pixels};
      if (emitted) note(result);
      known_[source->outputs()[i]] = std::move(result);
    }
    // Whoever reads the first argument later must see what was written into it.
    if (node != source) known_[source->inputs()[0]] = known_.at(source->outputs()[0]);
  }

  // A number read out of a tensor cannot be followed back to its pixels by a gradient, nor per image.
  static void check_no_number(const Node* node) {
    for (const Value* output : node->outputs()) {
      const auto kind = output->type()->kind();
      const bool number =
          kind == c10::TypeKind::IntType || kind == c10::TypeKind::FloatType || kind == c10::TypeKind::NumberType;
      if (number) {
        throw ModelError("the model turns what is in the image into a number (" + describe(node) +
                         "), through which no gradient leads; export a model that keeps it a tensor");
      }
    }
  }

  // Appends a node to the straight line, its inputs as they were after retargeting.
  Node* emit(Node* node, at::ArrayRef<Value*> sources, const Stack& arguments) {
    std::vector<Value*> inputs;
    for (size_t i = 0; i < sources.size(); ++i) {
      auto& known = known_.at(sources[i]);
      if (!known.straight && arguments[i].isInt() && arguments[i].toInt() != known.value.toInt()) {
        inputs.push_back(line_.graph->insertConstant(arguments[i]));
      } else {
        inputs.push_back(known.missing ? line_.graph->insertConstant(IValue()) : place(known));
      }
    }
    Node* made = line_.graph->create(node->kind(), inputs, node->outputs().size());
    made->copyAttributes(*node);
    made->setScope(node->scope());
    for (size_t i = 0; i < node->outputs().size(); ++i) made->outputs()[i]->setType(node->outputs()[i]->type());
    line_.graph->insertNode(made);
    return made;
  }

  // A write shows in every live value that shares the memory; we can follow only the one it is made through.
  void check_not_shared(Node* node) {
    Value* self = node->inputs()[0];
    const auto& target = known_.at(self).value.toTensor();
    const auto shares = [&](const IValue& value) {
      if (value.isTensor()) return is_alias(value.toTensor(), target);
      bool found = false;
      if (value.isTensorList()) {
        for (const at::Tensor& tensor : value.toTensorVector()) found = found || is_alias(tensor, target);
      }
      if (value.isTuple()) {
        for (const auto& element : value.toTupleRef().elements()) {
          found = found || (element.isTensor() && is_alias(element.toTensor(), target));
        }
      }
      return found;
    };
    for (const auto& [value, other] : known_) {
      if (value == self || !shares(other.value)) continue;
      if (read_after(value, node)) {
        throw ModelError("refused " + describe(node) +
                         ": it writes into a tensor that is read elsewhere under another name");
      }
    }
    if (known_.at(self).straight == nullptr && known_.at(self).value.toTensor().numel() > 0 && is_weight(self)) {
      throw ModelError("refused " + describe(node) + ": it writes into the model's weights");
    }
  }

  static bool read_after(const Value* value, const Node* node) {
    for (const auto& use : value->uses()) {
      const Node* user = use.user;
      if (user == node) continue;
      const Node* at = node;
      // Compare in a common block: an outer node stands for everything inside it.
      if (user->owningBlock() != at->owningBlock()) return true;
      if (user->isAfter(at)) return true;
    }
    return false;
  }

  static bool is_weight(const Value* value) {
    return value->node()->kind() == prim::GetAttr || value->node()->kind() == prim::Constant;
  }

  static Node* make_functional(Node* node, const std::string& name, std::shared_ptr<Graph>& scratch) {
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
    if (!made->maybeOperator())
      throw ModelError("refused " + describe(node) + ": there is no form of it that writes nothing");
    return made;
  }

  at::Tensor retarget(const at::Tensor& tensor) const {
    auto moved = tensor.detach();
    const bool number = moved.dim() == 0;  // numbers of size arithmetic stay where they are
    if (!number && moved.device() != options_.device) moved = moved.to(options_.device);
    if (moved.scalar_type() == options_.from_dtype && options_.from_dtype != options_.to_dtype) {
      moved = moved.to(options_.to_dtype);
    }
    return moved;
  }

  // A trace bakes in the type it ran with; a model loaded in another type means that one.
  void retarget_types(const Node* node, Stack& stack) const {
    if (options_.from_dtype == options_.to_dtype) return;
    const auto* schema = node->maybeSchema();
    if (!schema) return;
    for (size_t i = 0; i < stack.size() && i < schema->arguments().size(); ++i) {
      if (schema->arguments()[i].name() == "dtype" && stack[i].isInt() &&
          stack[i].toInt() == static_cast<int64_t>(options_.from_dtype)) {
        stack[i] = static_cast<int64_t>(options_.to_dtype);
      }
    }
  }

  void note(const Known& known) {
    Fact fact;
    if (known.value.isTensor() && known.value.toTensor().defined()) {
      const auto& tensor = known.value.toTensor();
      fact.sizes = tensor.sizes().vec();
      fact.dtype = tensor.scalar_type();
      if (!known.from_pixels && tensor.numel() == 1) fact.number = tensor.item().toDouble();
    } else if (known.value.isScalar() && !known.from_pixels && !known.value.isComplexDouble()) {
      fact.number = known.value.toScalar().toDouble();
    }
    line_.facts[known.straight] = std::move(fact);
  }

  std::string node_message(Node* node) const {
    if (node->inputs().empty()) return "no reason given";
    const auto it = known_.find(node->inputs()[0]);
    if (it == known_.end() || !it->second.value.isString()) return "no reason given";
    auto text = it->second.value.toStringRef().substr(0, 300);
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

  const StraightenOptions& options_;
  StraightLine& line_;
  std::unordered_map<Value*, Known> known_;
  std::unordered_set<const void*> fixed_storages_;  // of weights, and of constants that the line holds
  int64_t nodes_ = 0;
};

}  // namespace

StraightLine straighten(const Source& source, const at::Tensor& images, const StraightenOptions& options) {
  auto bounded = options;
  constexpr int64_t kLeast = int64_t{64} << 20;
  constexpr int64_t kTimesImages = 2048;  // an eager attention at 896² with patches of 8 and 16 heads needs half of it
  bounded.limits.bytes = std::clamp<int64_t>(images.nbytes() * kTimesImages, kLeast, options.limits.bytes);
  StraightLine line;
  line.graph = std::make_shared<Graph>();
  Straightener straightener(bounded, line);
  const size_t images_at = input_argument(source);
  for (size_t i = 0; i < source.arguments.size(); ++i) {
    Value* input = source.graph->inputs()[i];
    const auto& argument = source.arguments[i];
    if (i == images_at) {
      Known known{images, line.graph->addInput("images"), true, true};
      line.facts[known.straight] = {images.sizes().vec(), images.scalar_type(), std::nullopt};
      straightener.bind(input, std::move(known));
    } else if (argument.value) {
      straightener.bind(input, {*argument.value});
    } else {
      straightener.bind(input, missing(argument));
    }
  }
  straightener.run(source.graph->block());

  Known returned = straightener.known(source.graph->outputs().at(0));
  if (returned.missing) refuse_missing(*returned.missing);
  if (!returned.from_images) throw ModelError("the model's output does not depend on its input");
  const auto output = choose_output(straightener.place(returned), returned.value, options.output);
  line.graph->registerOutput(output.place);
  line.output = output.value.toTensor();
  drop_dead_code(line);
  return line;
}

Source as_source(const StraightLine& line, const std::string& description) {
  return {description, line.graph->copy(), {Argument{"images", "Tensor"}}, {}};
}

void drop_dead_code(StraightLine& line) {
  torch::jit::EliminateDeadCode(line.graph);
  std::unordered_map<const Value*, Fact> kept;
  const auto keep = [&](const Value* value) {
    if (const auto it = line.facts.find(value); it != line.facts.end()) kept.insert(*it);
  };
  for (const Value* input : line.graph->inputs()) keep(input);
  for (const Node* node : line.graph->nodes()) {
    for (const Value* output : node->outputs()) keep(output);
  }
  line.facts = std::move(kept);
}

}  // namespace legrad::graph
