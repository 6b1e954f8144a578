#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace legrad::io {

/// Reads the fields of one JSON object strictly: a field of the wrong type is a `ModelError` that names it and says
/// what it must be. A field that is missing, or null, has no value.
class JsonFields {
 public:
  /// `name` is the object's own name in messages, "" for the document. Throws if `object` is none.
  JsonFields(const nlohmann::json& object, std::string name);

  bool has(const char* field) const;
  std::string string(const char* field) const;
  int64_t integer(const char* field) const;
  bool boolean(const char* field) const;
  std::vector<std::string> strings(const char* field) const;
  /// A finite number.
  double number(const char* field) const;
  /// Any number of finite numbers.
  std::vector<double> numbers(const char* field) const;
  /// Exactly `count` finite numbers.
  std::vector<double> numbers(const char* field, size_t count) const;
  /// Exactly `count` integers in [1, `most`].
  std::vector<int64_t> sizes(const char* field, size_t count, int64_t most) const;
  /// Any number of integers in [`least`, `most`].
  std::vector<int64_t> integers(const char* field, int64_t least, int64_t most) const;
  JsonFields object(const char* field) const;
  std::vector<JsonFields> objects(const char* field) const;
  /// The names of all fields there are.
  std::vector<std::string> names() const;

  /// Throws `ModelError`: `field` must be `expected`.
  [[noreturn]] void fail(const char* field, const std::string& expected) const;

 private:
  const nlohmann::json& value(const char* field, const char* expected) const;
  std::vector<double> numbers(const char* field, const std::string& expected) const;

  const nlohmann::json& object_;
  std::string name_;
};

}  // namespace legrad::io
