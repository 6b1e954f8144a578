#pragma once

#include <memory>

#include "graph/ir/rules.h"

namespace legrad::graph {

/// Gradients changed so that the input times them is its relevance, by Achtibat et al., ICML 2024: a norm's spread is a
/// constant; an activation passes output / input; a product of two values gives half to each, so attention half to V
/// and a quarter to Q and to K. Linear layers and convolutions favour products of their output's own sign by γ (LRP-γ
/// in its form for inputs of either sign: Andéol et al., 2021); 0 is the plain gradient.
std::shared_ptr<const Rules> attn_lrp_rules(double gamma, double gamma_of_conv);

/// The same, but attention maps are constants, and relevance flows through V alone (conservative propagation, Ali et
/// al., ICML 2022).
std::shared_ptr<const Rules> cp_lrp_rules(double gamma, double gamma_of_conv);

}  // namespace legrad::graph
