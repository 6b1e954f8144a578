#pragma once

#include <legrad/text/text_rules.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/bpe_file.h"
#include "text/piece_model.h"
#include "text/words.h"

namespace legrad::text {

/// CLIP's byte-level BPE: a text is cut into words, a word into bytes, the last of them marked as an end, and then the
/// two neighbours that come first in the list of merges are joined until none is left. (Sennrich et al. 2016,
/// arXiv 1508.07909; Radford et al. 2021, arXiv 2103.00020.)
class ByteBpe : public PieceModel {
 public:
  ByteBpe(const BpeFile& file, const SpecialTokens& special);

  std::vector<Piece> cut(std::u32string_view text) const override;
  std::string spelled(int64_t id) const override;
  int64_t size() const override { return size_; }

 private:
  struct Merge {
    int64_t rank;
    int64_t made;
  };

  void cut_word(std::u32string_view word, std::vector<int64_t>& ids) const;
  std::vector<int64_t> merged(std::vector<int64_t> ids) const;

  WordCutter cutter_;
  WordCutter plain_cutter_;
  bool found_in_words_;  ///< special tokens are looked for among the words
  std::unordered_map<std::string, int64_t> special_;
  std::array<int64_t, 256> letters_ = {};
  std::array<int64_t, 256> last_letters_ = {};
  std::map<std::pair<int64_t, int64_t>, Merge> merges_;
  std::unordered_map<int64_t, std::string> spelled_;
  int64_t size_ = 0;
};

}  // namespace legrad::text
