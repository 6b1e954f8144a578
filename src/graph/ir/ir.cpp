#include "graph/ir/ir.h"

#include <c10/util/Exception.h>

#include <sstream>
#include <string_view>

namespace legrad::graph {

bool is_aten(const Node* node, const char* name) {
  const auto kind = node->kind();
  return kind.is_aten() && std::string_view(kind.toUnqualString()) == name;
}

bool is_convolution(const Node* node) {
  return is_aten(node, "_convolution") || is_aten(node, "conv2d") || is_aten(node, "_convolution_mode") ||
         is_aten(node, "convolution");
}

bool is_profiler_mark(std::string_view name) {
  return name == "_record_function_enter_new" || name == "_record_function_exit";
}

std::vector<Node*> find_all(Graph& graph, const char* name) {
  std::vector<Node*> found;
  for_each_node(graph, [&](Node* node) {
    if (is_aten(node, name)) found.push_back(node);
  });
  return found;
}

std::string describe(const Node* node) {
  std::string text = node->kind().toQualString();
  const auto scope = node->scopeName();
  if (!scope.empty()) text += " in " + scope;
  return text;
}

std::string first_line(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::istringstream lines(torch_error ? torch_error->what_without_backtrace() : error.what());
  std::string line;
  std::string kept;
  // An interpreter's error starts with the source it stood at; what went wrong comes last, after "RuntimeError: ".
  while (std::getline(lines, line)) {
    if (line.empty()) continue;
    if (const auto at = line.find("Error: "); at != std::string::npos && !kept.empty()) {
      kept = line.substr(at + 7);
      break;
    }
    if (kept.empty()) kept = line;
  }
  // A damaged file's own bytes may be quoted in there.
  std::erase_if(kept, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
  return kept;
}

}  // namespace legrad::graph
