#pragma once

#include "graph/ir/budget.h"
#include "graph/ir/line.h"
#include "graph/passes/known.h"
#include "graph/passes/storage.h"
#include "graph/passes/straighten.h"

namespace legrad::graph {

/// A forward being run on the example: what is known of its values so far, and the line as far as it is written.
struct Trace {
  const StraightenOptions& options;
  StraightLine& line;
  Budget budget;
  KnownValues known{};
  FixedStorages fixed{};

  /// The place of a value on the straight line; a constant gets one when it is first needed.
  Value* place(Known& value);

  /// Keeps as a fact what was seen of a value that has a place.
  void note(const Known& value);

  /// Appends a node over the inputs of `source` to the line. `arguments` are the values it ran with, which may differ
  /// from those known: a model loaded in another dtype.
  Node* emit(Node* node, const Node* source, const std::vector<c10::IValue>& arguments);

  /// The outputs of a node that needs an input nobody gave are not there either.
  void leave_out(const Node* node, const Argument& argument);
};

/// A value that depends on an input nobody gave.
Known missing(const Argument& argument);

[[noreturn]] void refuse_missing(const Argument& argument);

/// Runs a node that is an operator, a list or a dict, and appends it to the line if it depends on the images.
void run_operator(Trace& trace, Node* node);

/// A tuple keeps what was seen of its elements, so that taking it apart gives them back.
void run_tuple(Trace& trace, const Node* node);
/// Takes a tuple apart; returns false for one of which no elements were kept.
bool run_unpack(Trace& trace, const Node* node);
/// A list that grows becomes a longer list under the same name.
void run_append(Trace& trace, const Node* node);

/// A tensor on the device and of the dtype that the options ask for.
at::Tensor retarget(const at::Tensor& tensor, const StraightenOptions& options);
/// The largest or smallest number of the file's dtype, as masks hold it, becomes that of the dtype the model is loaded
/// in; every other number stays.
double retarget(double number, const StraightenOptions& options);
/// A trace bakes in the dtype it ran with; a model loaded in another one means that one.
void retarget_types(const Node* node, std::vector<c10::IValue>& arguments, const StraightenOptions& options);

}  // namespace legrad::graph
