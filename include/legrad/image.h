#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/structure.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

/// Pictures in, overlays out. Link `legrad::image` (OpenCV; no OpenCV header is needed to include this one).
namespace legrad {

class Explainer;

/// Reads a PNG, JPEG, WebP, BMP, TIFF or PNM file as RGB bytes [H, W, 3]; grey becomes RGB, 16 bits become 8,
/// transparency is laid over white, EXIF orientation is applied. Throws `InputError` for a missing, corrupt, cut or
/// huge file (more than 2^27 pixels: seen in the file's header, before any memory is taken for them).
at::Tensor read_image(const std::filesystem::path& file);

/// The size that `read_image` would give the picture, from the file's header: nothing is decoded. Throws `InputError`
/// for all that is seen there: a missing, cut or huge file, or another format.
ImageSize image_size(const std::filesystem::path& file);

/// Turns RGB bytes [H, W, 3] into a model's input [1, 3, h, w] in float32. `size` is the model's. The resize is the
/// antialiased one of PIL, torchvision, timm, open_clip and transformers, which models are trained with, and gives the
/// same bytes as PIL to one level of 255. Throws `InputError` for another shape or dtype.
at::Tensor preprocess(const at::Tensor& image, ImageSize size, const Preprocessing& preprocessing = {});

/// The same, as an explainer's model takes it. Throws `InputError` for a model whose images have not three channels.
at::Tensor preprocess(const at::Tensor& image, const Explainer& explainer);

/// Lays a model's maps [..., rows, columns] over the picture they explain: resized to what `preprocess` showed the
/// model of a picture of `picture` pixels, zero in what it cropped off. Returns [..., picture.height, picture.width].
at::Tensor on_picture(const at::Tensor& maps, ImageSize picture, ImageSize size,
                      const Preprocessing& preprocessing = {});

/// The other way: what a model's input of `size` shows of a mask [H, W], bool, over a picture; by the nearest pixel,
/// false beside the picture. Throws `InputError` for another shape or type.
at::Tensor on_input(const at::Tensor& mask, ImageSize size, const Preprocessing& preprocessing = {});

/// Row and column in a model's input of a place in a picture, given as fractions of its width and height; none where
/// the place was cropped off.
std::optional<std::array<int64_t, 2>> on_input(double x, double y, ImageSize picture, ImageSize size,
                                               const Preprocessing& preprocessing = {});

/// An explainer's raw maps [..., rows, columns] of a picture as heat over it, or over the same picture scaled: min-max
/// normalised, float32 [..., H, W] in [0, 1] for RGB bytes `image` [H, W, 3].
at::Tensor heat_over(const at::Tensor& image, const at::Tensor& maps, const Explainer& explainer);

/// Colour maps for overlays.
enum class Colormap { kJet, kViridis, kTurbo };

/// "jet", "viridis", "turbo", in any case. Throws `InputError` with the known names for another.
Colormap colormap(const std::string& name);

/// How much of an overlay is colour: w * colour + (1 - w) * picture.
enum class Blend {
  kHeat,      ///< w = alpha * heat: what is cold stays the picture
  kConstant,  ///< w = alpha everywhere, as papers draw it
};

/// "heat", "constant", in any case. Throws `InputError` for another.
Blend blend(const std::string& name);

/// What an overlay looks like.
struct OverlayStyle {
  Colormap colormap = Colormap::kJet;
  Blend blend = Blend::kHeat;
  std::optional<double> alpha = {};  ///< in [0, 1]; default: 0.8 for `kHeat`, 0.5 for `kConstant`
};

/// Lays a heatmap [H, W] with values in [0, 1] over RGB bytes [H, W, 3]. Returns RGB bytes [H, W, 3]. Throws
/// `InputError` for other shapes or an alpha outside [0, 1].
at::Tensor overlay(const at::Tensor& image, const at::Tensor& heatmap, const OverlayStyle& style = {});

/// Writes RGB bytes [H, W, 3] in the format of the file's extension (.png, .jpg, ...). The file appears whole or not at
/// all. Throws `InputError`.
void write_image(const std::filesystem::path& file, const at::Tensor& image);

}  // namespace legrad
