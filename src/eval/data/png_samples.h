#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace legrad::eval::data {

/// A PNG's numbers as they are stored.
struct PngSamples {
  /// uint8 [H, W, channels]: one channel of grey or of indices into the palette, three of RGB, four of RGBA.
  at::Tensor samples;
  bool indexed = false;  ///< through a palette
};

/// Reads a PNG whose numbers mean something else than colours: where a mask's pixels are indices of classes, a decoder
/// of pictures would give the palette's colours, of which two may be the same. PNG 1.2 (ISO/IEC 15948) with 1, 2, 4 or
/// 8 bits, not interlaced. Throws `InputError` for any other file, a damaged one, and one of more than 2^27 pixels.
PngSamples read_png_samples(const std::filesystem::path& file);

}  // namespace legrad::eval::data
