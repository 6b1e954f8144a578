#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/vit.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace legrad {

namespace model {
struct TextNetwork;
}

/// A text tower read from a stock export, alone or as a part of a whole CLIP: ids of tokens in, embeddings out. It is
/// run as it is, and not explained. Immutable; copies are cheap, and one may be used from many threads at once.
class TextTower {
 public:
  /// Reads the file as `Vit::load` does: nothing in it runs before it was looked at. It is run on texts of `length`
  /// tokens, and held against the file's own forward. `options.input_size` is not read. Throws `ModelError` for a file
  /// that is refused, and for one without an output [B, d] that depends on ids of tokens alone.
  static TextTower load(const std::filesystem::path& file, int64_t length, const LoadOptions& options = {});

  int64_t length() const;      ///< N, tokens of a text, padding included
  int64_t vocabulary() const;  ///< ids are below it; 0 where the file looks no ids up in a table
  int64_t width() const;       ///< d, the embedding's width
  c10::ScalarType dtype() const;
  c10::Device device() const;

  /// Embeddings [K, d] of texts, integers [K, N], on the model's device. As the model gives them: of length 1 only if
  /// it makes them so. Throws `InputError` for another shape, or an id that is not in the vocabulary.
  at::Tensor encode(const at::Tensor& ids) const;

 private:
  explicit TextTower(std::shared_ptr<const model::TextNetwork> network);
  std::shared_ptr<const model::TextNetwork> network_;
};

}  // namespace legrad
