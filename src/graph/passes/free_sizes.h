#pragma once

#include "graph/ir/line.h"

namespace legrad::graph {

/// An exporter may write sizes as numbers: a reshape to [1, 197, 12, 64] where [size(0), size(1), 12, 64] is meant. Or
/// it computes them from the images. Where a size of a reshape or an expand, or the end of a slice, is that of the same
/// dimension of the operator's input, it is read from there, so that pieces of the line also run on fewer rows, and on
/// images of another size.
void free_sizes(StraightLine& line);

}  // namespace legrad::graph
