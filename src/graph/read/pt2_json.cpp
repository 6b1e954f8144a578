#include "graph/read/pt2_json.h"

#include <legrad/error.h>

#include <limits>
#include <map>

#include "io/parse_json.h"

namespace legrad::graph {

using nlohmann::json;

json read_json(const Archive& archive, const std::string& record) {
  constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  if (archive.size(record) > kMostBytes) {
    throw ModelError(record + " is larger than " + std::to_string(kMostBytes >> 20) + " MiB", Reason::kTooLarge);
  }
  try {
    return io::parse_json(archive.text(record));
  } catch (const Error& error) {
    throw ModelError(record + ": " + error.what(), error.reason());
  }
}

int64_t integer(const json& number) {
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!number.is_number_integer() || (number.is_number_unsigned() && number.get<uint64_t>() > kMost)) {
    throw ModelError("there is " + number.dump().substr(0, 20) + " where a whole number should be", Reason::kDamaged);
  }
  return number.get<int64_t>();
}

c10::ScalarType scalar_type(const json& number) {
  static const std::map<int64_t, c10::ScalarType> kTypes = {
      {1, at::kByte}, {2, at::kChar},  {3, at::kShort},  {4, at::kInt},   {5, at::kLong},
      {6, at::kHalf}, {7, at::kFloat}, {8, at::kDouble}, {12, at::kBool}, {13, at::kBFloat16}};
  const auto found = kTypes.find(integer(number));
  if (found == kTypes.end()) {
    throw ModelError("dtype number " + number.dump() + " is not supported (quantised or complex?)",
                     Reason::kNotAllowed);
  }
  return found->second;
}

Tagged tagged(const json& object) {
  if (!object.is_object() || object.size() != 1)
    throw ModelError("an argument that is no union: " + object.dump().substr(0, 80), Reason::kDamaged);
  return {object.begin().key(), object.begin().value()};
}

}  // namespace legrad::graph
