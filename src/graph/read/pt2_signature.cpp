#include "graph/read/pt2_signature.h"

#include <legrad/error.h>

#include "graph/read/pt2_json.h"
#include "io/parse_json.h"

namespace legrad::graph {
namespace {

using nlohmann::json;

// JSON within a text of the JSON; null where it is none.
json parsed(const std::string& text) {
  try {
    return io::parse_json(text);
  } catch (const Error&) {
    return nullptr;
  }
}

}  // namespace

std::vector<std::string> argument_names(const json& graph_module) {
  const auto& calls = graph_module.at("module_call_graph");
  if (calls.empty() || calls[0].at("signature").is_null()) return {};
  const auto& signature = calls[0].at("signature");
  const auto names = signature.find("forward_arg_names");
  if (names == signature.end() || !names->is_array()) return {};
  return names->get<std::vector<std::string>>();
}

std::vector<std::string> output_names(const json& graph_module) {
  const auto& calls = graph_module.at("module_call_graph");
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

std::vector<int64_t> example_sizes(const json& meta) {
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

}  // namespace legrad::graph
