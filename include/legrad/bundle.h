#pragma once

#include <legrad/structure.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace legrad {

/// How a picture becomes a model's input: resized, divided by 255, minus `mean`, over `std`.
struct Preprocessing {
  enum class Resize {
    kSquash,            ///< "squash": both sides to the model's size, whatever the picture's shape
    kShortestEdgeCrop,  ///< "shortest_edge_crop": the short side to the model's size over `crop`, then the centre
    kLongestEdgePad,    ///< "longest_edge_pad": the long side to the model's size, the picture in the middle of `fill`
  };
  enum class Interpolation { kBilinear, kBicubic };  ///< "bilinear", "bicubic"

  std::optional<ImageSize> size;                       ///< the model's input size, where it is known
  std::array<double, 3> mean = {0.485, 0.456, 0.406};  ///< of RGB in [0, 1]; ImageNet's
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  Resize resize = Resize::kSquash;
  Interpolation interpolation = Interpolation::kBilinear;
  double crop = 1;   ///< "crop": how much of the short side is seen, in (0, 1]; 224 of 256 are 0.875
  int64_t fill = 0;  ///< "fill": the byte beside a padded picture, 0 to 255
};

/// What a model gave at its home for an image that anybody can make again (`check_image`).
struct OutputCheck {
  uint64_t seed = 0;
  std::vector<double> output;  ///< [C]
  double tolerance = 1e-3;     ///< of the largest difference, relative to the largest number of `output`
};

/// How far what a model gives here is from what its manifest says that it gave at its home.
struct Verified {
  double difference = 0;  ///< the largest, relative to the largest number
  double allowed = 0;
};

/// A model's folder: an export beside a `manifest.json` that says how to feed and read it:
///
///     {"schema_version": 1, "name": "emoji-vit", "vision": "vision.ts", "kind": "classifier",
///      "preprocessing": {"size": [112, 112], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
///                        "interpolation": "bilinear", "resize": "squash"},
///      "labels": ["apple", "bicycle"], "grid": [14, 14]}
///
/// A SigLIP's may name a NumPy file with the embedding of the empty prompt, "a photo of", that its maps are corrected
/// with: "empty_embedding": "empty.npy".
///
/// A CLIP's may name labels and a file with their embeddings, and becomes a zero-shot classifier without a text tower:
/// "labels": ["cat", "dog"], "label_embeddings": "labels.npy", "scale": 100. What it says of words is told in
/// docs/bundle.md.
///
/// Sizes are height, then width. Only `schema_version` and `vision` are required; fields that are not known are
/// ignored.
struct Bundle {
  std::string name;              ///< default: the folder's or file's own
  std::filesystem::path folder;  ///< where its manifest.json is; empty for a bare export
  std::filesystem::path vision;  ///< the export
  Preprocessing preprocessing;
  std::vector<std::string> labels;      ///< names of the output's entries; may be empty
  std::optional<PatchGrid> grid;        ///< the patch grid the model should turn out to have
  std::optional<at::ScalarType> dtype;  ///< what to load it in; empty: as its weights are
  bool takes_words = false;             ///< its manifest has an object `text`
  /// Array [C, d], an embedding for each label: what a zero-shot classifier compares an output of width d with. Empty
  /// where the labels are those of the output's own entries.
  std::filesystem::path label_embeddings;
  std::optional<double> scale;              ///< logits are scale * similarity + bias, where the model has one
  double bias = 0;                          ///< a SigLIP's
  std::filesystem::path empty_embedding;    ///< embedding of the empty prompt; empty where there is none
  std::optional<OutputCheck> output_check;  ///< what it must give (`verify`)
  std::string kind;                         ///< "classifier", "embedding", "clip" or "siglip"; empty where nothing says

  /// Reads a folder with a manifest.json, or takes a bare export with default preprocessing and no labels. Throws
  /// `ModelError` for a manifest that is malformed, of an unknown schema version, or names a file outside its folder.
  static Bundle open(const std::filesystem::path& folder_or_file);

  /// Whether the output is an embedding, whose entries mean nothing one by one.
  bool gives_embedding() const { return !kind.empty() && kind != "classifier"; }

  /// Throws `ModelError` where the manifest's labels or grid do not fit the model that was loaded.
  void check(const Structure& structure) const;

  /// The entry of the output that `name_or_index` means: an integer is an index (negative ones count from the end),
  /// anything else a label, compared as it is, then without regard to case. Throws `InputError` with the nearest names
  /// if there is none.
  int64_t class_index(const std::string& name_or_index) const;
};

}  // namespace legrad
