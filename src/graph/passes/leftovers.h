#pragma once

#include "graph/passes/anatomy.h"

namespace legrad::graph {

/// Throws `ModelError` where pixels decide how tokens are mixed elsewhere than in the attention that was found: a
/// product of two tensors that both depend on what is in the images, inside the blocks, or a softmax over tokens that
/// leads to a product over them. Such is attention in a form that was not recognised (talking heads, weights changed
/// after the softmax, another function in place of the softmax); a map that leaves it out would be wrong.
/// With a value `from` of the line in place of its input, as `find_anatomy`.
void refuse_unknown_attention(const StraightLine& line, const Anatomy& anatomy, const Value* from = nullptr);

}  // namespace legrad::graph
