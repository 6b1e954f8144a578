#include <legrad/methods.h>

#include <nlohmann/json.hpp>

#include "io/words.h"

namespace legrad {
namespace {

constexpr size_t kColumns = 110;
constexpr size_t kOptionColumns = 24;

std::string option_text(const MethodOption& option) {
  std::string line = "  " + option.key + "=" + option.default_value;
  if (line.size() < kOptionColumns) line.resize(kOptionColumns, ' ');
  return io::wrapped(line + " " + option.meaning + "; takes " + to_string(option.type), kColumns, kOptionColumns + 1);
}

nlohmann::ordered_json option_json(const MethodOption& option) {
  nlohmann::ordered_json json = {{"key", option.key}, {"type", type_name(option.type)}};
  if (const auto* number = std::get_if<takes::Number>(&option.type)) {
    json["least"] = number->least;
    json["most"] = number->most;
    json["most_included"] = !number->below;
  }
  if (const auto* one_of = std::get_if<takes::OneOf>(&option.type)) json["names"] = one_of->names;
  json["default"] =
      option.default_value.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(option.default_value);
  json["meaning"] = option.meaning;
  return json;
}

}  // namespace

std::string methods_text(const Methods& methods) {
  std::string text;
  for (const auto& row : methods.rows()) {
    if (!text.empty()) text += "\n";
    const std::string looks = row.looks_at_target ? "" : "; the same for every target";
    text += row.name + ": " + row.title + "\n";
    text += io::wrapped("  " + row.explains + looks + " (" + row.source + ")", kColumns, 2) + "\n";
    for (const auto& option : row.options) text += option_text(option) + "\n";
  }
  return text;
}

std::string methods_json(const Methods& methods) {
  auto json = nlohmann::ordered_json::array();
  for (const auto& row : methods.rows()) {
    auto options = nlohmann::ordered_json::array();
    for (const auto& option : row.options) options.push_back(option_json(option));
    json.push_back({{"name", row.name},
                    {"title", row.title},
                    {"source", row.source},
                    {"explains", row.explains},
                    {"looks_at_target", row.looks_at_target},
                    {"options", options}});
  }
  return json.dump(2);
}

}  // namespace legrad
