#pragma once

#include <c10/core/Device.h>

namespace legrad::testing {

/// The device that models are loaded on: what the environment's LEGRAD_TEST_DEVICE says, `cpu` (the default), `cuda`,
/// or `standin` for the accelerator of accelerator.h.
c10::Device test_device();

}  // namespace legrad::testing
