#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace legrad::text {

/// What a file of CLIP's byte-level BPE holds.
struct BpeFile {
  struct Merge {
    std::string left;
    std::string right;
  };
  std::unordered_map<std::string, int64_t> ids;  ///< of every piece, in the alphabet that stands for bytes
  std::vector<Merge> merges;                     ///< first come, first merged
};

/// Reads OpenAI's list of merges, packed by gzip or not, or Hugging Face's tokenizer.json; what it is is told by its
/// beginning. Throws `ModelError` with the file's name.
BpeFile read_bpe(const std::filesystem::path& file);

/// Reads Hugging Face's vocab.json and merges.txt.
BpeFile read_bpe(const std::filesystem::path& vocabulary, const std::filesystem::path& merges);

}  // namespace legrad::text
