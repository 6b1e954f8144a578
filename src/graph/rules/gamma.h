#pragma once

#include "graph/rules/groups.h"

namespace legrad::graph {

/// LRP-γ in its form for inputs of either sign (Andéol et al., 2021), as a changed gradient. Of z = W x + b a positive
/// z passes back as if its weights were W + γ W⁺ on x⁺ and W + γ W⁻ on x⁻, a negative one the other way round; what
/// comes back is scaled so that z's relevance is kept.
RuleRows gamma_of_linear_layers(double gamma);
RuleRows gamma_of_convolutions(double gamma);

}  // namespace legrad::graph
