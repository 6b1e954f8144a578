#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/attention.h>
#include <legrad/vit.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace legrad {

namespace model {
struct TextNetwork;
}

/// Which scores of a text tower gradients are taken of.
enum class TextScore {
  kFinal,    ///< s, of the embedding
  kByBlock,  ///< of each block its own, s^l = cos(readout(Z^l), c), final norm included
};

/// A block of a text tower, for K texts of N tokens. Those of the ids come first; CoCa puts one more behind.
struct TextBlock {
  Attention attention;          ///< B = K
  at::Tensor scores;            ///< [K] that the gradient is of
  at::Tensor context_gradient;  ///< ∂s/∂O or ∂s^l/∂O [K, h, N, e]
};

/// What a text tower did to texts that are compared with images.
struct TextGradients {
  at::Tensor scores;              ///< s [K], the cosines of texts and images
  at::Tensor read;                ///< [K, N], true for the tokens that the embedding is read from: the end token
  std::vector<TextBlock> blocks;  ///< [L]
};

/// A text tower read from a stock export, alone or as a part of a whole CLIP: ids of tokens in, embeddings out.
/// Immutable; copies are cheap, and one may be used from many threads at once.
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

  /// Runs texts, integers [K, N], block by block, and takes the gradients of their cosines with embeddings of images
  /// c [K, d], or [1, d] for all of them. Needs K·L·h·N² numbers at a time at most, as texts are short. Throws as
  /// `encode`; `InputError` for embeddings of another shape, and `ModelError` with the reason where the tower's blocks
  /// could not be told apart when it was loaded.
  TextGradients gradients(const at::Tensor& ids, const at::Tensor& images, TextScore score) const;

 private:
  explicit TextTower(std::shared_ptr<const model::TextNetwork> network);
  at::Tensor checked(const at::Tensor& ids) const;
  std::shared_ptr<const model::TextNetwork> network_;
};

}  // namespace legrad
