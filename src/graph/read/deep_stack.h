#pragma once

#include <functional>

namespace legrad::graph {

/// Works in a thread of its own, with a stack that is large enough for whatever nesting was let pass, and waits for it.
/// What the work throws is thrown here. LibTorch compiles and inlines functions that call each other by recursion.
void with_deep_stack(const std::function<void()>& work);

}  // namespace legrad::graph
