#include <legrad/error.h>
#include <legrad/layers.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>
#include <optional>
#include <string_view>

namespace legrad {
namespace {

[[noreturn]] void fail(const std::string& what, int64_t blocks) {
  throw InputError("layers: " + what + "; the model has blocks 0 to " + std::to_string(blocks - 1) + ", or -" +
                   std::to_string(blocks) + " to -1 counted from the end");
}

std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

std::string_view trimmed(std::string_view word) {
  constexpr const char* kBlanks = " \t";
  const size_t first = word.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return word.substr(first, word.find_last_not_of(kBlanks) - first + 1);
}

/// The number a word is, if it is one.
std::optional<int64_t> number(std::string_view word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) {
    return std::nullopt;
  }
  return value;
}

/// One end of a range: `otherwise` where it is left out, else counted from the end if negative, in [0, blocks].
int64_t bound(std::string_view word, std::string_view range, int64_t otherwise, int64_t blocks) {
  if (word.empty()) {
    return otherwise;
  }
  const std::optional<int64_t> value = number(word);
  if (!value) {
    fail(quoted(range) + " is no range such as '6:', ':4' or '-4:'", blocks);
  }
  if (*value < -blocks || *value > blocks) {
    fail("range " + quoted(range) + " leaves the model", blocks);
  }
  return *value < 0 ? *value + blocks : *value;
}

void append_range(std::string_view range, int64_t blocks, std::vector<int64_t>& layers) {
  const size_t colon = range.find(':');
  const int64_t first = bound(trimmed(range.substr(0, colon)), range, 0, blocks);
  const int64_t end = bound(trimmed(range.substr(colon + 1)), range, blocks, blocks);
  if (first >= end) {
    fail("range " + quoted(range) + " holds no block", blocks);
  }
  for (int64_t layer = first; layer < end; ++layer) {
    layers.push_back(layer);
  }
}

void append_index(std::string_view word, int64_t blocks, std::vector<int64_t>& layers) {
  const std::optional<int64_t> value = number(word);
  if (!value) {
    fail(quoted(word) + " is no index or range", blocks);
  }
  layers.push_back(*value);
}

}  // namespace

std::vector<int64_t> parse_layers(const std::string& spec, int64_t blocks) {
  std::vector<int64_t> layers;
  std::string_view rest = spec;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view word = trimmed(rest.substr(0, comma));
    if (word.find(':') != std::string_view::npos) {
      append_range(word, blocks, layers);
    } else {
      append_index(word, blocks, layers);
    }
    if (comma == std::string_view::npos) {
      return resolve_layers(layers, blocks);
    }
    rest.remove_prefix(comma + 1);
  }
}

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
