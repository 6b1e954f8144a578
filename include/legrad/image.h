#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/structure.h>

#include <filesystem>
#include <string>

/// Pictures in, overlays out. Link `legrad::image` (OpenCV; no OpenCV header is needed to include this one).
namespace legrad {

/// Reads a picture file as RGB bytes [H, W, 3]; transparency is laid over white, EXIF orientation is applied. Throws
/// `InputError` for a missing, corrupt or huge file (more than 2^27 pixels).
at::Tensor read_image(const std::filesystem::path& file);

/// Turns RGB bytes [H, W, 3] into a model's input [1, 3, h, w] in float32. `size` is the model's.
at::Tensor preprocess(const at::Tensor& image, ImageSize size, const Preprocessing& preprocessing = {});

/// Colour maps for overlays.
enum class Colormap { kJet, kViridis, kTurbo };

/// "jet", "viridis", "turbo", in any case. Throws `InputError` with the known names for another.
Colormap colormap(const std::string& name);

/// Lays a heatmap [H, W] with values in [0, 1] over RGB bytes [H, W, 3]: alpha * colour + (1 - alpha) * picture. Returns RGB
/// bytes [H, W, 3]. Throws `InputError` for other shapes or an alpha outside [0, 1].
at::Tensor overlay(const at::Tensor& image, const at::Tensor& heatmap, Colormap map = Colormap::kJet, double alpha = 0.5);

/// Writes RGB bytes [H, W, 3] in the format of the file's extension. The file appears whole or not at all. Throws `InputError`.
void write_image(const std::filesystem::path& file, const at::Tensor& image);

}  // namespace legrad
