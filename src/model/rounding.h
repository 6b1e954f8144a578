#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>

#include <optional>

#include "graph/ir/source.h"
#include "graph/passes/straighten.h"

namespace legrad::model {

/// Compares the output of a file with int8 weights with that of the source made of it, which rounds no inputs. How much
/// they may differ is measured: the file's rounding, written out in plain operators, says what it does to the same
/// inputs. `batch` inputs are run at a time. Nothing for a file without such weights. Throws `ModelError` where they
/// differ by more than rounding explains.
std::optional<Quantised> compare_rounded(const graph::Source& source, const at::Tensor& inputs, int64_t batch,
                                         const graph::StraightenOptions& options);

}  // namespace legrad::model
