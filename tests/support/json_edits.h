#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace legrad::testing {

/// Every value within a JSON value, itself first.
inline void collect_values(nlohmann::json& value, std::vector<nlohmann::json*>& all) {
  all.push_back(&value);
  if (!value.is_structured()) return;
  for (auto& inner : value) collect_values(inner, all);
}

/// A value that somebody may not have thought of.
inline nlohmann::json odd_json(std::mt19937& random) {
  using nlohmann::json;
  static const std::vector<json> kValues = {-1,
                                            0,
                                            1,
                                            2,
                                            7,
                                            2.5,
                                            1 << 20,
                                            (int64_t{1} << 32) + 7,
                                            int64_t{1} << 62,
                                            -(int64_t{1} << 62),
                                            ~uint64_t{0},
                                            1e300,
                                            nullptr,
                                            true,
                                            false,
                                            "",
                                            "x",
                                            "../y",
                                            "torch.ops.aten.add_.Tensor",
                                            "torch.ops.aten.matmul.default",
                                            "_operator.add",
                                            json::array(),
                                            json::object()};
  return kValues[random() % kValues.size()];
}

/// Changes one thing in a JSON value, which stays JSON: a value for another of it or an odd one, a number by a little;
/// an element less, twice, or in another's place; a member under another's name.
inline void edit_json(nlohmann::json& root, std::mt19937& random) {
  using nlohmann::json;
  std::vector<json*> all;
  collect_values(root, all);
  const auto any = [&]() -> json& { return *all[random() % all.size()]; };
  json& chosen = any();
  switch (random() % 8) {
    case 0:
      chosen = odd_json(random);
      return;
    case 1: {
      const json other = any();
      chosen = other;
      return;
    }
    case 2: {  // a leaf for a leaf of the same type: a name for a name, a number for a number
      std::vector<json*> leaves;
      for (auto* value : all) {
        if (!value->is_structured() && value->type() == chosen.type()) leaves.push_back(value);
      }
      if (leaves.empty()) return;
      const json other = *leaves[random() % leaves.size()];
      if (!chosen.is_structured()) chosen = other;
      return;
    }
    case 3:
      if (chosen.is_number_integer()) chosen = chosen.get<int64_t>() + (random() % 2 == 0 ? 1 : -1);
      if (chosen.is_boolean()) chosen = !chosen.get<bool>();
      return;
    default:
      break;
  }
  if (!chosen.is_structured() || chosen.empty()) return;
  const auto place = [&] { return static_cast<json::difference_type>(random() % chosen.size()); };
  if (chosen.is_array()) {
    const auto from = place();
    switch (random() % 3) {
      case 0:
        chosen.erase(chosen.begin() + from);
        return;
      case 1: {
        const json copy = chosen[static_cast<size_t>(from)];
        chosen.insert(chosen.begin() + place(), copy);
        return;
      }
      default:
        std::swap(chosen[static_cast<size_t>(from)], chosen[static_cast<size_t>(place())]);
        return;
    }
  }
  auto member = chosen.begin();
  std::advance(member, place());
  if (random() % 2 == 0) {
    chosen.erase(member);
    return;
  }
  static const std::vector<std::string> kKinds = {
      "as_tensor", "as_int",  "as_ints", "as_sym_int", "as_sym_ints", "as_float",           "as_tensors",
      "as_string", "as_none", "as_bool", "as_name",    "as_floats",   "as_optional_tensors"};
  json value = member.value();
  chosen.erase(member);
  chosen[kKinds[random() % kKinds.size()]] = std::move(value);
}

}  // namespace legrad::testing
