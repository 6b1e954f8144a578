// The code of a TorchScript archive, token by token, and what it works out of constants.

#include "fuzz/reading.h"
#include "fuzz/targets.h"
#include "graph/read/code_check.h"

namespace legrad::fuzz {

void code(std::string_view input) {
  refused_or_read([&] { graph::check_code(std::string(input), "code/x.py"); });
}

}  // namespace legrad::fuzz
