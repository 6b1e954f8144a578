#pragma once

#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/method_option.h>
#include <legrad/structure.h>

#include <cstdint>
#include <optional>
#include <string>

namespace legrad {

/// The one attention that attention_cam and raw_attention look at: block `layer`'s, by default the last one's; -1, the
/// pooler's, where the model has one (§8.5).
inline int64_t explained_attention(const Structure& structure, std::optional<int64_t> layer, const char* method) {
  if (structure.readout != ReadoutKind::kPooler) return resolve_layers({layer.value_or(-1)}, structure.blocks)[0];
  if (layer) {
    throw InputError(std::string(method) +
                     " explains the attentional pooler of a model that has one, so there is no block to choose; leave "
                     "the layer out");
  }
  return -1;
}

/// For who takes attention maps as they are, whatever the target. In differential attention the model subtracts one of
/// two maps from the other, by a weight that none of them tells.
inline void expect_maps_of_their_own(const Structure& structure, const char* method) {
  if (!structure.differential) return;
  throw InputError(std::string(method) +
                       " takes attention maps as they are, and this model subtracts one from another (differential "
                       "attention); choose a method that takes gradients",
                   Reason::kNoMeaning);
}

/// The option of both that chooses it.
inline MethodOption layer_option() {
  return {"layer", takes::Block{}, "",
          "the block whose attention it is; without, the last. A pooler's attention is explained where there is one, "
          "and then "
          "there is no block to choose"};
}

}  // namespace legrad
