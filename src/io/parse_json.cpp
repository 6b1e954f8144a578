#include "io/parse_json.h"

#include <legrad/error.h>

#include <algorithm>
#include <string>

namespace legrad::io {
namespace {

using nlohmann::json;

/// Counts what a document holds and makes nothing of it. (A callback of the parser that makes values looks through all
/// siblings at the end of each: minutes for a million of them.)
class Counter : public nlohmann::json_sax<json> {
 public:
  explicit Counter(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(json::number_integer_t) override { return count(); }
  bool number_unsigned(json::number_unsigned_t) override { return count(); }
  bool number_float(json::number_float_t, const std::string&) override { return count(); }
  bool string(std::string&) override { return count(); }
  bool binary(json::binary_t&) override { return count(); }
  bool key(std::string&) override { return count(); }
  bool start_object(size_t) override { return open(); }
  bool start_array(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(size_t, const std::string&, const json::exception&) override { return false; }

 private:
  bool count() {
    if (++values_ > limits_.values) {
      throw ModelError("it holds more than " + std::to_string(limits_.values) + " values", Reason::kTooLarge);
    }
    return true;
  }

  bool open() {
    if (++depth_ > limits_.depth) {
      throw ModelError("it is nested more than " + std::to_string(limits_.depth) + " deep", Reason::kTooLarge);
    }
    return count();
  }

  bool close() {
    --depth_;
    return true;
  }

  JsonLimits limits_;
  size_t values_ = 0;
  size_t depth_ = 0;
};

}  // namespace

json parse_json(std::string_view text, const JsonLimits& limits) {
  Counter counter(limits);
  json::sax_parse(text, &counter);
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const auto before = text.substr(0, error.byte);
    throw ModelError(
        "it is no valid JSON in line " + std::to_string(1 + std::count(before.begin(), before.end(), '\n')),
        Reason::kDamaged);
  } catch (const json::exception&) {
    throw ModelError("it holds a number that is out of range", Reason::kDamaged);
  }
}

}  // namespace legrad::io
