#include "io/json_fields.h"

#include <legrad/error.h>

#include <cmath>
#include <utility>

namespace legrad::io {

using nlohmann::json;

JsonFields::JsonFields(const json& object, std::string name) : object_(object), name_(std::move(name)) {
  if (!object_.is_object()) {
    throw ModelError((name_.empty() ? "it" : "field '" + name_ + "'") + " must be a JSON object, {...}",
                     Reason::kDamaged);
  }
}

void JsonFields::fail(const char* field, const std::string& expected) const {
  throw ModelError("field '" + (name_.empty() ? "" : name_ + ".") + field + "' must be " + expected, Reason::kDamaged);
}

bool JsonFields::has(const char* field) const {
  const auto found = object_.find(field);
  return found != object_.end() && !found->is_null();
}

const json& JsonFields::value(const char* field, const char* expected) const {
  if (!has(field)) {
    fail(field, std::string("there: ") + expected);
  }
  return *object_.find(field);
}

std::string JsonFields::string(const char* field) const {
  constexpr const char* kExpected = "a string";
  const json& found = value(field, kExpected);
  if (!found.is_string()) {
    fail(field, kExpected);
  }
  return found.get<std::string>();
}

int64_t JsonFields::integer(const char* field) const {
  constexpr const char* kExpected = "an integer";
  const json& found = value(field, kExpected);
  if (!found.is_number_integer()) {
    fail(field, kExpected);
  }
  return found.get<int64_t>();
}

bool JsonFields::boolean(const char* field) const {
  constexpr const char* kExpected = "true or false";
  const json& found = value(field, kExpected);
  if (!found.is_boolean()) {
    fail(field, kExpected);
  }
  return found.get<bool>();
}

std::vector<std::string> JsonFields::strings(const char* field) const {
  constexpr const char* kExpected = "a list of strings";
  const json& found = value(field, kExpected);
  if (!found.is_array()) {
    fail(field, kExpected);
  }
  std::vector<std::string> strings;
  for (const json& item : found) {
    if (!item.is_string()) {
      fail(field, kExpected);
    }
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

double JsonFields::number(const char* field) const {
  const char* const expected = "a number";
  const json& found = value(field, expected);
  if (!found.is_number() || !std::isfinite(found.get<double>())) {
    fail(field, expected);
  }
  return found.get<double>();
}

std::vector<double> JsonFields::numbers(const char* field, size_t count) const {
  const std::string expected = "a list of " + std::to_string(count) + " numbers";
  std::vector<double> found = numbers(field, expected);
  if (found.size() != count) {
    fail(field, expected);
  }
  return found;
}

std::vector<double> JsonFields::numbers(const char* field) const { return numbers(field, "a list of numbers"); }

std::vector<double> JsonFields::numbers(const char* field, const std::string& expected) const {
  const json& found = value(field, expected.c_str());
  if (!found.is_array()) {
    fail(field, expected);
  }
  std::vector<double> numbers;
  for (const json& item : found) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) {
      fail(field, expected);
    }
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::vector<int64_t> JsonFields::sizes(const char* field, size_t count, int64_t most) const {
  const std::string expected = "a list of " + std::to_string(count) + " integers from 1 to " + std::to_string(most);
  const json& found = value(field, expected.c_str());
  if (!found.is_array() || found.size() != count) {
    fail(field, expected);
  }
  std::vector<int64_t> sizes;
  for (const json& item : found) {
    // An unsigned number beyond int64 becomes negative here, and is refused as such.
    if (!item.is_number_integer() || item.get<int64_t>() < 1 || item.get<int64_t>() > most) {
      fail(field, expected);
    }
    sizes.push_back(item.get<int64_t>());
  }
  return sizes;
}

std::vector<int64_t> JsonFields::integers(const char* field, int64_t least, int64_t most) const {
  const std::string expected = "a list of integers from " + std::to_string(least) + " to " + std::to_string(most);
  const json& found = value(field, expected.c_str());
  if (!found.is_array()) {
    fail(field, expected);
  }
  std::vector<int64_t> integers;
  integers.reserve(found.size());
  for (const json& item : found) {
    if (!item.is_number_integer() || item.get<int64_t>() < least || item.get<int64_t>() > most) {
      fail(field, expected);
    }
    integers.push_back(item.get<int64_t>());
  }
  return integers;
}

JsonFields JsonFields::object(const char* field) const {
  return {value(field, "a JSON object, {...}"), name_.empty() ? field : name_ + "." + field};
}

std::vector<JsonFields> JsonFields::objects(const char* field) const {
  constexpr const char* kExpected = "a list of JSON objects, [{...}]";
  const json& found = value(field, kExpected);
  if (!found.is_array()) {
    fail(field, kExpected);
  }
  std::vector<JsonFields> objects;
  objects.reserve(found.size());
  for (const json& item : found) {
    objects.emplace_back(item,
                         (name_.empty() ? field : name_ + "." + field) + "[" + std::to_string(objects.size()) + "]");
  }
  return objects;
}

std::vector<std::string> JsonFields::names() const {
  std::vector<std::string> names;
  names.reserve(object_.size());
  for (const auto& item : object_.items()) {
    names.push_back(item.key());
  }
  return names;
}

}  // namespace legrad::io
