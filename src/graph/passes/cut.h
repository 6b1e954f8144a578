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

/// Cuts the tail of a block, which computes its output tokens from `inputs`, with two outputs: the tokens [B, N, d],
/// and their mean over N, [B, 1, d]. The mean is pushed up through what is linear on tokens (add, a scale for each
/// channel, linear), so that its gradient does not pass the last linear layer token by token:
///   mean(x + γ ⊙ (W u + b)) = mean(x) + γ ⊙ (W mean(u) + b).
Program cut_with_mean(const StraightLine& line, const std::vector<Value*>& inputs, Value* tokens,
                      const std::string& name);

}  // namespace legrad::graph
