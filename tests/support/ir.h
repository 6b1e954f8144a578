#pragma once

#include <ATen/Functions.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/irparser.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/line.h"
#include "graph/ir/program.h"
#include "graph/passes/straighten.h"

namespace legrad::test {

inline std::shared_ptr<graph::Graph> parsed(const std::string& ir) {
  auto graph = std::make_shared<graph::Graph>();
  torch::jit::parseIR(ir, graph.get());
  return graph;
}

/// A model's forward from its text: the first argument is the input, the others have the values given.
inline graph::Source source_of(const std::string& ir, const std::vector<c10::IValue>& given = {}) {
  graph::Source source{"text", parsed(ir), {graph::Argument{"x", "Tensor"}}, {}};
  for (const auto& value : given) source.arguments.push_back({"given", "Any", value});
  return source;
}

inline graph::StraightLine line_of(const std::string& ir, const at::Tensor& input,
                                   const std::vector<c10::IValue>& given = {}) {
  return graph::straighten(source_of(ir, given), input, {});
}

/// What a line gives for an input.
inline at::Tensor run(const graph::StraightLine& line, const at::Tensor& input) {
  return graph::Program(line.graph->copy(), "the line")({input}).at(0);
}

/// How often an operator stands on a line.
inline size_t count(const graph::StraightLine& line, const char* name) {
  return graph::find_all(*line.graph, name).size();
}

inline at::Tensor noise(at::IntArrayRef sizes) { return at::randn(sizes, at::kDouble); }

inline bool close(const at::Tensor& a, const at::Tensor& b) { return at::allclose(a, b, 1e-10, 1e-12); }

/// The reason that a call refuses for; none where it refuses nothing.
template <typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return to_string(error.reason());
  }
  return "nothing was refused";
}

}  // namespace legrad::test
