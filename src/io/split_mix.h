#pragma once

#include <cstdint>

namespace legrad::io {

/// The step from one state of SplitMix64 to the next.
constexpr uint64_t kSplitMixStep = 0x9e3779b97f4a7c15U;

/// What SplitMix64 gives for a state: its bits, mixed.
constexpr uint64_t split_mixed(uint64_t state) {
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9U;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebU;
  return state ^ (state >> 31);
}

/// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): random numbers that are the same on every machine and under every
/// version of LibTorch.
class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}

  uint64_t next() { return split_mixed(state_ += kSplitMixStep); }

  /// Evenly spread over [0, 1): the upper 53 bits.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace legrad::io
