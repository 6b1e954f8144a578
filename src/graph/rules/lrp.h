#pragma once

#include <memory>

#include "graph/ir/rules.h"

namespace legrad::graph {

/// Relevance by the rules of Chefer et al., CVPR 2021 (their layers_ours): what a linear layer's output has goes to the
/// products that make it larger, in proportion; a sum's sides keep their shares of |relevance|, over one image; a
/// product of two values gives half to each; norms, activations and softmax hand on what they get.
std::shared_ptr<const Rules> lrp_ours_rules();

/// Relevance by the rules that Partial-LRP is compared by in the same paper (their layers_lrp): a linear layer's
/// products of two positive and of two negative numbers get the relevance each on their own, and sums are passed in
/// proportion.
std::shared_ptr<const Rules> lrp_rules();

}  // namespace legrad::graph
