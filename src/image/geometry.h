#pragma once

#include <legrad/bundle.h>
#include <legrad/structure.h>

#include <cstdint>

namespace legrad::image {

/// How a picture gets to the model's size: the whole of it resized to `resized`, then the part of the model's size that
/// starts at (`top`, `left`), which are negative where the picture is padded.
struct Geometry {
  ImageSize resized;
  int64_t top = 0;
  int64_t left = 0;
};

/// Throws `InputError` for a size without pixels, and for a picture so long that resizing it would take all memory.
Geometry geometry(ImageSize picture, ImageSize model, const Preprocessing& preprocessing);

}  // namespace legrad::image
