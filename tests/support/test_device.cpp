#include "support/test_device.h"

#include <cstdlib>
#include <string>

#include "support/accelerator.h"

namespace legrad::testing {

c10::Device test_device() {
  const char* const asked = std::getenv("LEGRAD_TEST_DEVICE");
  const std::string name = asked ? asked : "cpu";
  return name == "standin" ? stand_in() : c10::Device(name);
}

}  // namespace legrad::testing
