#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace legrad::model {

/// For the length of a call: inference mode and autocast off, gradients recorded or not as asked. The caller's modes
/// come back at the end, also on a throw. (Under inference mode nothing can be differentiated, whatever grad mode says;
/// under autocast products would be taken in half precision.)
class GradScope {
 public:
  explicit GradScope(bool record) : inference_(false), grad_(record) {}

 private:
  c10::InferenceMode inference_;
  at::AutoGradMode grad_;
  c10::impl::ExcludeDispatchKeyGuard autocast_{c10::autocast_dispatch_keyset};
};

}  // namespace legrad::model
