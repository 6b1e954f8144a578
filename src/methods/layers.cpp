#include <legrad/error.h>
#include <legrad/layers.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string_view>

#include "io/words.h"

namespace legrad {
namespace {

[[noreturn]] void fail(const std::string& what, int64_t blocks) {
  throw InputError("layers: " + what + "; the model has blocks 0 to " + std::to_string(blocks - 1) + ", or -" +
                   std::to_string(blocks) + " to -1 counted from the end");
}

/// A word is an index, or a range with a colon in it, of which either end may be left out.
bool is_range(std::string_view word) { return word.find(':') != std::string_view::npos; }
std::string first_of(std::string_view range) { return std::string(io::trimmed(range.substr(0, range.find(':')))); }
std::string end_of(std::string_view range) { return std::string(io::trimmed(range.substr(range.find(':') + 1))); }

bool is_integer(std::string_view word) {
  if (word.starts_with('-')) word.remove_prefix(1);
  return !word.empty() && std::ranges::all_of(word, [](char digit) { return digit >= '0' && digit <= '9'; });
}

/// An integer that lies in [-blocks, end], counted from 0.
int64_t from_zero(const std::string& integer, int64_t blocks, int64_t end, const std::string& otherwise) {
  const auto value = io::number<int64_t>(integer);
  if (!value || *value < -blocks || *value > end) fail(otherwise, blocks);
  return *value < 0 ? *value + blocks : *value;
}

void append_range(const std::string& range, int64_t blocks, std::vector<int64_t>& layers) {
  const auto bound = [&](const std::string& end, int64_t left_out) {
    return end.empty() ? left_out : from_zero(end, blocks, blocks, "range '" + range + "' leaves the model");
  };
  const int64_t first = bound(first_of(range), 0);
  const int64_t end = bound(end_of(range), blocks);
  if (first >= end) fail("range '" + range + "' holds no block", blocks);
  for (int64_t layer = first; layer < end; ++layer) layers.push_back(layer);
}

}  // namespace

LayerChoice::LayerChoice(const std::string& spec) {
  if (io::trimmed(spec) == "all") {
    words_ = {"all"};
    return;
  }
  const auto check = [](const std::string& integer) {
    if (!is_integer(integer)) {
      throw InputError("layers: '" + integer + "' is no index; give blocks as in 0,3,-1 or 6: or -4: or all");
    }
    return integer;
  };
  for (const auto& word : io::words_between(spec, ',')) {
    if (is_range(word)) {
      const auto first = first_of(word);
      const auto end = end_of(word);
      words_.push_back((first.empty() ? "" : check(first)) + ":" + (end.empty() ? "" : check(end)));
    } else {
      words_.push_back(check(word));
    }
  }
}

std::vector<int64_t> LayerChoice::of(int64_t blocks) const {
  if (words_.empty()) return {};
  std::vector<int64_t> layers;
  for (const auto& word : words_) {
    if (word == "all") {
      append_range(":", blocks, layers);
    } else if (is_range(word)) {
      append_range(word, blocks, layers);
    } else {
      layers.push_back(from_zero(word, blocks, blocks - 1, "there is no block " + word));
    }
  }
  return resolve_layers(layers, blocks);
}

std::string LayerChoice::text() const { return io::joined(words_, ","); }

std::vector<int64_t> parse_layers(const std::string& spec, int64_t blocks) { return LayerChoice(spec).of(blocks); }

std::vector<int64_t> resolve_layers(const std::vector<int64_t>& layers, int64_t blocks, int64_t start_layer) {
  const auto checked = [&](int64_t layer) {
    if (layer < -blocks || layer >= blocks) {
      fail("there is no block " + std::to_string(layer), blocks);
    }
    return layer < 0 ? layer + blocks : layer;
  };
  std::vector<int64_t> resolved(static_cast<size_t>(blocks));
  std::iota(resolved.begin(), resolved.end(), 0);
  if (!layers.empty()) {
    resolved.clear();
    std::ranges::transform(layers, std::back_inserter(resolved), checked);
    std::ranges::sort(resolved);
    resolved.erase(std::unique(resolved.begin(), resolved.end()), resolved.end());
  }
  const int64_t first = checked(start_layer);
  std::erase_if(resolved, [&](int64_t layer) { return layer < first; });
  if (resolved.empty()) {
    fail("none of those given is at or after start_layer " + std::to_string(start_layer), blocks);
  }
  return resolved;
}

}  // namespace legrad
