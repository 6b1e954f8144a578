#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace legrad::testing {

/// A stand-in for an accelerator, on any machine: LibTorch's device for whoever brings one, named "standin", which
/// computes on the CPU in memory that is its own, at addresses the host cannot read. As on a GPU, an operator that is
/// given tensors of two devices throws (numbers of no dimension may come from the CPU where CUDA's kernels take them).
/// The first call registers it, which has to come before the first gradient is taken.
c10::Device stand_in();

/// What the stand-in was asked for, in all threads.
struct Traffic {
  int64_t reads = 0;   ///< copies to the host, `item()`, and operators whose result's size or value the host waits for
  int64_t copies = 0;  ///< from the host to the device
  int64_t bytes = 0;   ///< of those
  int64_t launches = 0;  ///< operators that compute, copies on the device among them
};

/// Since the program began; take the difference of two.
Traffic traffic();
Traffic operator-(const Traffic& after, const Traffic& before);

}  // namespace legrad::testing
