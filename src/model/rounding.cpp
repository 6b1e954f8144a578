#include "model/rounding.h"

#include <ATen/Functions.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>

#include <vector>

#include "graph/passes/judge.h"
#include "model/difference.h"

namespace legrad::model {
namespace {

// Rounding errors of many layers grow into each other: two runs that round alike but for the last bit differ in the end
// as much as either does from no rounding at all. So their size is compared, not they themselves.
constexpr double kTimesRounding = 10;

// The outputs for all inputs, as many at a time as the model was built on; none where another input is needed.
std::optional<at::Tensor> outputs(const graph::Source& source, const at::Tensor& inputs, int64_t batch,
                                  const graph::StraightenOptions& options) {
  std::vector<at::Tensor> all;
  for (int64_t first = 0; first + batch <= inputs.size(0); first += batch) {
    const auto output = graph::run_as_it_stands(source, inputs.narrow(0, first, batch), options);
    if (!output) return std::nullopt;
    all.push_back(output->to(at::kCPU, at::kDouble));
  }
  return at::cat(all);
}

// A source of the file's own weights, on the CPU.
graph::Source made_of(const graph::Source& source, const std::shared_ptr<graph::Graph>& graph) {
  graph::Source made{source.description, graph, source.quantised->arguments, {}};
  made.input = graph::input_argument(source);
  return made;
}

}  // namespace

std::optional<Quantised> compare_rounded(const graph::Source& source, const at::Tensor& inputs, int64_t batch,
                                         const graph::StraightenOptions& options) {
  if (!source.quantised) return std::nullopt;
  auto of_file = options;
  of_file.device = c10::Device(c10::kCPU);
  of_file.to_dtype = options.from_dtype;
  auto as_given = inputs.to(at::kCPU);
  if (inputs.is_floating_point()) as_given = as_given.to(of_file.to_dtype);
  const auto explained = outputs(source, inputs, batch, options);
  const auto file = outputs(made_of(source, source.quantised->as_it_stands), as_given, batch, of_file);
  const auto rounded = outputs(made_of(source, source.quantised->written_out), as_given, batch, of_file);
  if (!explained || !file || !rounded) return Quantised{source.quantised->layers, std::nullopt};
  const double found = difference(*explained, *file);
  const double expected = difference(*explained, *rounded);
  if (!(found <= kTimesRounding * expected + tolerance(options.to_dtype))) {
    throw ModelError(c10::str("the file's own output differs from that of its dequantised weights by ", found,
                              " of the largest number, which rounding to int8 does not explain (it makes ", expected,
                              "); quantise it again, or export before quantising"),
                     Reason::kNotReproduced);
  }
  return Quantised{source.quantised->layers, found};
}

}  // namespace legrad::model
