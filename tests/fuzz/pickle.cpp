// The walk over a pickle's instructions.

#include "fuzz/reading.h"
#include "fuzz/targets.h"
#include "graph/read/pickle_check.h"

namespace legrad::fuzz {

void pickle(std::string_view input) {
  refused_or_read([&] { graph::check_pickle(input, "data.pkl"); });
}

}  // namespace legrad::fuzz
