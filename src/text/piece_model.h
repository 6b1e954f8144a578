#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace legrad::text {

/// An id of a vocabulary and how it is spelled there.
struct Piece {
  int64_t id = 0;
  std::string text;
};

/// A vocabulary and how text is cut into its pieces.
class PieceModel {
 public:
  virtual ~PieceModel() = default;

  /// The pieces of a text that was cleaned.
  virtual std::vector<Piece> cut(std::u32string_view text) const = 0;

  /// How `id` is spelled; empty for one that the vocabulary has not.
  virtual std::string spelled(int64_t id) const = 0;

  /// One more than the largest id.
  virtual int64_t size() const = 0;
};

}  // namespace legrad::text
