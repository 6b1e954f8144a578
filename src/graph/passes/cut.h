#pragma once

#include <string>
#include <vector>

#include "graph/ir/line.h"
#include "graph/ir/program.h"

namespace legrad::graph {

/// Cuts the piece of the line that computes `outputs` from `inputs` into a program of its own.
///
/// The program's inputs are `inputs`, and last a stand-in for the line's input: a tensor of their shape whose contents
/// nobody reads, from which sizes are computed anew, so that a piece also runs on another batch. Throws `ModelError` if
/// a piece needs what is in the input, or in a value between, by another way than `inputs`.
Program cut(const StraightLine& line, const std::vector<Value*>& inputs, const std::vector<Value*>& outputs,
            const std::string& name);

/// The tail of a block and the mean of its tokens, in two programs.
struct TailWithMeans {
  Program tail;  ///< `inputs` -> the tokens [B, N, d], then means over N of values in it, [B, 1, k] each
  Program mean;  ///< those means -> the tokens' mean [B, 1, d]
};

/// Cuts the tail of a block, which computes its output `tokens` from `inputs`. Their mean is pushed up through what is
/// linear on tokens (add, a scale for each channel, linear), so that its gradient does not pass the last linear layer
/// token by token:
///   mean(x + γ ⊙ (W u + b)) = mean(x) + γ ⊙ (W mean(u) + b), of mean(x) and mean(u).
TailWithMeans cut_with_means(const StraightLine& line, const std::vector<Value*>& inputs, Value* tokens,
                             const std::string& name);

}  // namespace legrad::graph
