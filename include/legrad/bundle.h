#pragma once

#include <legrad/structure.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace legrad {

/// How a picture becomes a model's input: resized, divided by 255, minus `mean`, over `std`.
struct Preprocessing {
  enum class Resize {
    kSquash,             ///< both sides to the model's size, whatever the picture's shape
    kShortestEdgeCrop,   ///< the short side to the model's size, then the centre
  };
  enum class Interpolation { kBilinear, kBicubic };

  std::optional<ImageSize> size;  ///< the model's input size, where it is known
  std::array<double, 3> mean = {0.485, 0.456, 0.406};  ///< of RGB in [0, 1]; ImageNet's
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  Resize resize = Resize::kSquash;
  Interpolation interpolation = Interpolation::kBilinear;
};

/// A model's folder: an export beside a `manifest.json` that says how to feed and read it.
struct Bundle {
  std::string name;
  std::filesystem::path vision;     ///< the export
  Preprocessing preprocessing;
  std::vector<std::string> labels;  ///< names of the output's entries; may be empty

  /// Reads a folder with a manifest.json, or takes a bare export with default preprocessing and no labels. Throws
  /// `ModelError` for a manifest that is malformed, of an unknown schema version, or names a file outside its folder.
  static Bundle open(const std::filesystem::path& folder_or_file);

  /// The entry of the output that `name_or_index` means. Throws `InputError` with the nearest names if there is none.
  int64_t class_index(const std::string& name_or_index) const;
};

}  // namespace legrad
