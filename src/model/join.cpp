#include "model/join.h"

#include <legrad/error.h>

#include <algorithm>
#include <string>
#include <tuple>

namespace legrad::model {
namespace {

// Whether what goes from block to block in one means the same in the other.
bool same_build(const Network& a, const Network& b) {
  const auto build = [](const Network& network) {
    const Structure& s = network.structure;
    return std::tie(s.tokens, s.width, s.blocks, s.heads, s.readout, s.readout_rows, s.pooler_heads, s.pooler_queries,
                    s.pooler_queries_read, s.output_width, s.normalized_output, s.dtype, s.device,
                    s.image->patch_positions, network.plan.batch_of_one);
  };
  return build(a) == build(b);
}

}  // namespace

std::shared_ptr<const Network> joined(const Network& first, const Network& rest, int64_t blocks) {
  if (!same_build(first, rest)) {
    throw InputError("a model can be followed by the blocks of the same model with other weights alone");
  }
  if (blocks < 0 || blocks > first.structure.blocks) {
    throw InputError("a model of " + std::to_string(first.structure.blocks) + " blocks has no first " +
                     std::to_string(blocks));
  }
  auto network = std::make_shared<Network>(rest);
  network->line = nullptr;
  network->patchify = first.patchify;
  network->embed = first.embed;
  std::copy_n(first.blocks.begin(), blocks, network->blocks.begin());
  network->rules = first.rules;
  network->rows_known = first.rows_known && rest.rows_known;
  network->plan.rows_restricted = first.plan.rows_restricted && rest.plan.rows_restricted;
  network->plan.mean_pushed = first.plan.mean_pushed && rest.plan.mean_pushed;
  return network;
}

}  // namespace legrad::model
