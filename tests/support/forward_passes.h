#pragma once

#include <ATen/record_function.h>

#include <cstring>
#include <functional>

namespace legrad::testing {

/// How often images went through a model while `work` ran on this thread: through its patch embedding, its one
/// convolution.
inline int forward_passes(const std::function<void()>& work) {
  thread_local int convolutions = 0;
  convolutions = 0;
  const auto count = [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
    if (std::strcmp(function.name(), "aten::convolution") == 0) ++convolutions;
    return nullptr;
  };
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(count).scopes({at::RecordScope::FUNCTION}));
  work();
  at::removeCallback(handle);
  return convolutions;
}

}  // namespace legrad::testing
