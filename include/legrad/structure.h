#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace legrad {

/// Height and width of a picture, in pixels.
struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Rows and columns of the patch grid, in tokens.
struct PatchGrid {
  int64_t rows = 0;
  int64_t columns = 0;
  bool operator==(const PatchGrid&) const = default;
};

/// Which rows of the last tokens Z^L a model's output is computed from.
enum class ReadoutKind {
  kToken,      ///< one token, as a rule the class token
  kTokens,     ///< a few tokens, as in distilled models (class and distillation token)
  kPatchMean,  ///< all patch tokens, no other (global average or max pooling)
  kAllTokens,  ///< patch tokens and others (class token and mean of patches)
  kPooler,     ///< an attentional pooler (MAP head): a learned query attends to the tokens
};

/// "token", "patch tokens", "pooler", ... as printed by `legrad inspect`.
const char* to_string(ReadoutKind kind);

/// The images a vision tower takes, and the place of their patches among its tokens.
struct ImageInput {
  ImageSize size;                        ///< of the images the model takes
  bool size_guessed = false;             ///< the file does not tell its size: a square that fits its position embedding
  int64_t channels = 0;                  ///< 3 as a rule
  PatchGrid grid;                        ///< the n = rows * columns patch tokens, in row-major order of the image
  int64_t prefix_tokens = 0;             ///< N - n: class, distillation and register tokens
  std::vector<int64_t> patch_positions;  ///< [n] place in the sequence of each patch, row by row
};

/// What a file's int8 weights change. Explained is the model of the same weights dequantised, whose inputs of linear
/// layers are not rounded.
struct Quantised {
  int64_t layers = 0;  ///< linear layers with int8 weights, whose inputs the file rounds to 7 or 8 bits
  /// Between the output of the file itself and that of the model explained, on images of noise: the largest difference,
  /// of the largest number. None where the file's own forward needs another input as well.
  std::optional<double> difference;
};

/// What was found in a transformer's graph, and measured on it, when it was loaded. Nothing in here is guessed from
/// names of modules.
struct Structure {
  std::optional<ImageInput> image;  ///< of a vision tower; a loaded `Vit` always has it
  int64_t blocks = 0;               ///< L, the number of self-attention blocks
  int64_t heads = 0;                ///< h, attention heads of a block, of all that stand side by side in it
  int64_t width = 0;                ///< d, the width of a token
  int64_t tokens = 0;               ///< N, all tokens
  ReadoutKind readout = ReadoutKind::kToken;
  std::vector<int64_t> readout_rows;         ///< the rows of Z^L that the output depends on; empty for a pooler
  int64_t pooler_heads = 0;                  ///< heads of the attentional pooler; 0 where there is none
  int64_t pooler_queries = 0;                ///< learned queries of the pooler; 0 where there is none
  std::vector<int64_t> pooler_queries_read;  ///< those whose results the output depends on; empty where there is none
  std::vector<std::string> attention;        ///< [L] the form each block's attention has in the file
  bool differential = false;                 ///< attentions side by side weigh the same values, one against the other
  bool attention_added = false;              ///< every block is Z + P(O) + ..., Q, K and V of one value, without a mask
  int64_t output_width = 0;                  ///< C classes or the embedding's width
  std::string output_is;                     ///< what that is of a model's output [B, C, h, w]: "the mean over ..."
  bool normalized_output = false;            ///< outputs had length 1 (L2) when measured, as embeddings often do
  int64_t parameters = 0;                    ///< numbers in the model's weights and buffers
  c10::ScalarType dtype = c10::ScalarType::Float;
  c10::Device device = c10::Device(c10::DeviceType::CPU);
  std::string exporter;                ///< what wrote the file, "TorchScript" and its version
  std::optional<Quantised> quantised;  ///< of a file with int8 weights in its linear layers
};

/// How a model's stages are run and its gradients taken. Changes no result, only what it costs; measured when it was
/// loaded.
struct GradientPlan {
  bool batch_of_one = false;     ///< the file holds a batch of one image, so images go through one by one
  bool rows_restricted = false;  ///< gradients are taken on the readout rows alone (checked to be the same)
  bool mean_pushed = false;      ///< token means skip the last linear layer of a block (checked to be the same)
};

}  // namespace legrad
