#include "model/probe_codes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <bit>
#include <unordered_map>

namespace legrad::model {
namespace {

// How many codes of `bits` bits have half of them set.
int64_t balanced_codes(int bits) {
  int64_t count = 1;
  for (int i = 1; i <= bits / 2; ++i) count = count * (bits - bits / 2 + i) / i;
  return count;
}

}  // namespace

std::optional<std::vector<int64_t>> find_sources(int64_t count,
                                                 const std::function<at::Tensor(const at::Tensor& mask)>& changed) {
  int bits = 2;
  while (balanced_codes(bits) < count) ++bits;
  std::vector<int64_t> codes;
  for (uint64_t code = 0; static_cast<int64_t>(codes.size()) < count; ++code) {
    if (std::popcount(code) == bits / 2) codes.push_back(static_cast<int64_t>(code));
  }
  std::unordered_map<int64_t, int64_t> source_of = {{0, -1}};
  for (int64_t source = 0; source < count; ++source) source_of[codes[source]] = source;

  const auto all_codes = at::tensor(codes, at::TensorOptions().dtype(at::kLong));
  at::Tensor answers;
  for (int bit = 0; bit < bits; ++bit) {
    const int64_t value = int64_t{1} << bit;
    const auto answer = changed(all_codes.bitwise_and(value).ne(0)).to(at::kLong) * value;
    answers = answers.defined() ? answers + answer : answer;
  }
  std::vector<int64_t> sources;
  for (int64_t place = 0; place < answers.size(0); ++place) {
    const auto found = source_of.find(answers[place].item<int64_t>());
    if (found == source_of.end()) return std::nullopt;
    sources.push_back(found->second);
    if (found->second >= 0) source_of.erase(found);
  }
  return sources;
}

at::Tensor changed_slices(const at::Tensor& a, const at::Tensor& b, int64_t dim) {
  const auto differs = a.ne(b).logical_and(a.isnan().logical_and(b.isnan()).logical_not());
  return differs.movedim(dim, 0).flatten(1).any(1).cpu();
}

}  // namespace legrad::model
