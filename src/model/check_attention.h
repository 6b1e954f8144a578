#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "model/network.h"

namespace legrad::model {

/// The tokens of some images [B, N, d], those of one of them [1, N, d], and which of them it is.
struct Seen {
  at::Tensor tokens;
  at::Tensor alone;
  int64_t image = 0;
};

/// An attention to the same.
struct SeenAttended {
  Attended together;
  Attended alone;
};

/// Measures how an attention's tensors lie in the file, and fills in its layout: which head of which image, and which
/// token, each row of Q, K, V and O is of. Checks that Q, K and V of an image are what they are without the other
/// images, that each row is made of one token, and that the map times V is O.
///
/// `name` says in errors what it is, as in "block 3". Throws `ModelError` where it cannot be followed.
SeenAttended measure_attention(const Network& network, AttentionStage& stage, const Seen& seen,
                               const std::string& name);

}  // namespace legrad::model
