#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <utility>

#include "support/tiny_vit.h"

namespace legrad::testing {

/// A small vision transformer written in an unusual way, as TorchScript and as plain tensor code with its attention
/// maps in hand: rows and columns of every map in the order of the tokens, whatever order the file has them in.
struct OddVit : TinyVit {
  enum class Heads { kBatchMajor, kHeadMajor, kShared };
  enum class Order { kAsTokens, kReversed, kShuffled };

  Heads heads_lie = Heads::kBatchMajor;  ///< heads and images as one dimension, either first; or keys and values shared
  bool masks = false;                    ///< each head has a mask of its own
  Order order = Order::kAsTokens;        ///< of the tokens inside attention
  bool back_in_order = true;             ///< whether what attention gives is put back in the order of the tokens
  int64_t gates = 0;                ///< blocks, counted from the first, whose tokens are scaled by all tokens' mean
  bool places = false;              ///< every block adds a constant [N, d]
  bool places_inside = false;       ///< and its attention is of tokens with such a constant, as with rotary positions
  std::string before_patches = "";  ///< what is done to the images first
  std::string before_qkv = "";      ///< what is done to the normed tokens `y` of a block
  std::string class_token = "self.cls.expand(x.size(0), -1, -1)";
  std::string read = "x[:, 0]";  ///< what of the last tokens `x` the norm and head are given

  OddVit() {
    blocks = 3;
    heads = 4;
  }

  void fill_odd(uint64_t seed);

  std::string block_code(int64_t l) const;

  void save_odd(const std::filesystem::path& file) const;

  /// A [B, h, N, N] and V [B, h, N, e] of block `l`.
  std::pair<at::Tensor, at::Tensor> map(const at::Tensor& x, int64_t l) const {
    const int64_t head_width = width / heads;
    const auto y = places_inside ? norm(x) + w("place", l) : norm(x);
    const auto qkv = at::linear(y, w("qkv_w", l), w("qkv_b", l))
                         .reshape({x.size(0), x.size(1), 3, heads, head_width})
                         .permute({2, 0, 3, 1, 4});
    const bool shared = heads_lie == Heads::kShared;
    const auto key = shared ? qkv[1].narrow(1, 0, 1).expand_as(qkv[1]) : qkv[1];
    const auto value = shared ? qkv[2].narrow(1, 0, 1).expand_as(qkv[2]) : qkv[2];
    auto scores = qkv[0].matmul(key.transpose(-2, -1)) / std::sqrt(static_cast<double>(head_width));
    if (masks) scores = scores + weights.at("masks");
    return {scores.softmax(-1), value};
  }

  at::Tensor next(const at::Tensor& x, const at::Tensor& a, const at::Tensor& v, int64_t l) const {
    auto y = finish(x, a, v, l);
    if (gates > 0) y = y * (l < gates ? y.mean(1, true) : y).sigmoid();
    return places ? y + w("place", l) : y;
  }
};

}  // namespace legrad::testing
