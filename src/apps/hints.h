#pragma once

#include <legrad/error.h>

#include <string>

namespace legrad::apps {

/// The options of the program that may mend what was refused for `reason`: " (--size HxW)"; empty where there are none.
/// The library's messages know no options.
std::string hint(Reason reason);

}  // namespace legrad::apps
