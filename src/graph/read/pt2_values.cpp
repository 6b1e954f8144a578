#include "graph/read/pt2_values.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <limits>
#include <map>

#include "graph/read/pt2_json.h"

namespace legrad::graph {
namespace {

using c10::IValue;
using nlohmann::json;

constexpr int kStrided = 7;  // torch.export's number for the layout of dense tensors

double number(const json& value) {
  if (!value.is_string()) return value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  throw ModelError("a number that is \"" + text.substr(0, 20) + "\"", Reason::kDamaged);
}

int64_t memory_format(const json& number) {
  static const std::map<int64_t, c10::MemoryFormat> kFormats = {{1, c10::MemoryFormat::Contiguous},
                                                                {2, c10::MemoryFormat::ChannelsLast},
                                                                {3, c10::MemoryFormat::ChannelsLast3d},
                                                                {4, c10::MemoryFormat::Preserve}};
  const auto found = kFormats.find(integer(number));
  if (found == kFormats.end()) throw ModelError("a memory format of number " + number.dump(), Reason::kNotAllowed);
  return static_cast<int64_t>(found->second);
}

}  // namespace

Value* Pt2Values::argument(const json& object, const c10::TypePtr& wanted) {
  const auto [kind, value] = tagged(object);
  const auto inner =
      wanted->kind() == c10::TypeKind::OptionalType ? wanted->expectRef<c10::OptionalType>().getElementType() : wanted;
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
    return graph_.insertNode(graph_.createList(element, list))->output();
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
    return graph_.insertNode(graph_.createList(c10::OptionalType::ofTensor(), list))->output();
  }
  throw ModelError(
      "an operator with an argument of kind " + kind + " (a custom object or a graph?), which is not supported",
      Reason::kNotAllowed);
}

// A size that is a number, or the name of one.
Value* Pt2Values::symbol(const json& value, const c10::TypePtr& wanted) {
  if (value.contains("as_name")) return find(value.at("as_name"));
  return argument(value, wanted);
}

Value* Pt2Values::ints(const json& values, const c10::TypePtr& wanted) {
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
  return graph_.insertNode(graph_.createList(c10::IntType::get(), list))->output();
}

void Pt2Values::define(const std::string& name, Value* value) {
  if (!named_.emplace(name, value).second) throw ModelError("two values are called \"" + name + "\"", Reason::kDamaged);
}

Value* Pt2Values::find(const json& name) const {
  const auto found = named_.find(name.get<std::string>());
  if (found == named_.end())
    throw ModelError("nothing is called \"" + name.get<std::string>() + "\"", Reason::kDamaged);
  return found->second;
}

}  // namespace legrad::graph
