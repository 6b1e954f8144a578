#pragma once

#include <legrad/bundle.h>
#include <legrad/structure.h>

#include <cstdint>

namespace legrad::image {

/// How a picture gets to the model's size: the whole of it resized to `resized`, then the part of the model's size that
/// starts at (`top`, `left`).
struct Geometry {
  ImageSize resized;
  int64_t top = 0;
  int64_t left = 0;
};

/// Throws `InputError` for a size without pixels, and for a picture so long that resizing it would take all memory.
Geometry geometry(ImageSize picture, ImageSize model, Preprocessing::Resize resize);

}  // namespace legrad::image
