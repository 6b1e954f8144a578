#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/budget.h"
#include "graph/ir/ir.h"
#include "graph/ir/program.h"

namespace legrad::graph {

/// What evaluating a model's graph once may cost. Generous for the largest vision transformers, and small enough that
/// an archive that loops for ever or asks for terabytes is refused within seconds.
struct Limits {
  int64_t nodes = 100'000;           ///< operators executed
  int64_t trips = 1'000;             ///< of one loop
  int64_t bytes = int64_t{1} << 32;  ///< of one result
  int64_t list_elements = 1 << 20;   ///< of one list
};

/// Throws `ModelError` unless a node is what a model's forward may hold: operators of aten that are on the list
/// (allowed_names.h), and the arithmetic of sizes around them. Whether one that draws random numbers or is for nested
/// tensors is met, only a run tells.
void check_allowed(const Node* node);

/// Checks every node of a graph, those in branches and loops too.
void check_allowed(const Graph& graph);

/// Whether an operator only asks for the shape, type or place of a tensor, never for what is in it.
bool reads_shape_only(const Node* node);

/// For an operator that writes into its first argument (`add_`): the name of the one that does not (`aten::add`). Empty
/// for an operator that writes into nothing. Throws `ModelError` for any other kind of writing.
std::string functional_name(const Node* node);

/// Runs a node's step, after its arguments were looked at and a dry run on shapes alone has shown that its results stay
/// within the limits; what they take is charged to the budget. Unless it is to `compute`, a product of matrices is not
/// taken: it gives a tensor of its shape, and is charged for as if it were.
void run_bounded(const Node* node, const Step& step, std::vector<c10::IValue>& stack, const Limits& limits,
                 Budget& budget, bool compute = true);

/// Whether a node leaves numbers out at random, in training mode.
bool is_dropout(const Node* node);

/// Whether a node draws random numbers in any mode.
bool draws_random_numbers(const Node* node);

/// Whether a node is a linear layer whose weights are packed as float16, which is not supported. A script of a layer
/// with int8 weights holds it in a branch that it does not take.
bool is_of_packed_halves(const Node* node);

/// Whether a node makes or reads a batch of images whose tokens differ in number, a nested tensor, as torch's own
/// encoder does for padded batches. A script of it holds them in a branch that images do not take.
bool is_for_nested_tensors(const Node* node);

}  // namespace legrad::graph
