#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace legrad::text {

/// Strings with their ids, in which all that a text begins with are found.
class PieceTrie {
 public:
  PieceTrie() = default;
  explicit PieceTrie(std::vector<std::pair<std::string, int64_t>> pieces) : pieces_(std::move(pieces)) {
    std::ranges::sort(pieces_);
  }

  /// Calls `found(length, id)` for each piece that `text` begins with, the shortest first.
  template <class Found>
  void prefixes(std::string_view text, Found found) const {
    auto from = pieces_.begin();
    auto to = pieces_.end();
    for (size_t depth = 0; depth < text.size(); ++depth) {
      // Those left share the bytes so far: the next one narrows them down.
      const auto byte_at = [depth](const auto& piece) {
        return piece.first.size() > depth ? static_cast<unsigned char>(piece.first[depth]) : -1;
      };
      const int byte = static_cast<unsigned char>(text[depth]);
      from = std::partition_point(from, to, [&](const auto& piece) { return byte_at(piece) < byte; });
      to = std::partition_point(from, to, [&](const auto& piece) { return byte_at(piece) <= byte; });
      if (from == to) {
        return;
      }
      if (from->first.size() == depth + 1) {
        found(depth + 1, from->second);
      }
    }
  }

 private:
  std::vector<std::pair<std::string, int64_t>> pieces_;
};

}  // namespace legrad::text
