#include "image/geometry.h"

#include <c10/util/StringUtil.h>
#include <legrad/error.h>

#include <algorithm>
#include <cmath>

namespace legrad::image {

Geometry geometry(ImageSize picture, ImageSize model, Preprocessing::Resize resize) {
  constexpr double kMaxPixels = 1 << 27;
  for (const ImageSize size : {picture, model}) {
    if (size.height < 1 || size.width < 1) {
      throw InputError(c10::str("preprocess: expected sizes of at least 1 x 1, got ", size.height, " x ", size.width));
    }
  }
  if (resize == Preprocessing::Resize::kSquash) {
    return {model, 0, 0};
  }
  const double scale = std::max(static_cast<double>(model.height) / static_cast<double>(picture.height),
                                static_cast<double>(model.width) / static_cast<double>(picture.width));
  const double height = static_cast<double>(picture.height) * scale;
  const double width = static_cast<double>(picture.width) * scale;
  if (height * width > kMaxPixels) {
    throw InputError(c10::str("preprocess: a picture of ", picture.height, " x ", picture.width,
                              " pixels is too long for this model's centre crop; crop it first"));
  }
  // Rounded as torchvision does: the long side down, the crop's offset to even. The addend keeps 223.9999 from being
  // 223.
  constexpr double kSlack = 1e-6;
  Geometry result;
  result.resized.height = std::max(model.height, static_cast<int64_t>(height + kSlack));
  result.resized.width = std::max(model.width, static_cast<int64_t>(width + kSlack));
  result.top = std::lrint(static_cast<double>(result.resized.height - model.height) / 2);
  result.left = std::lrint(static_cast<double>(result.resized.width - model.width) / 2);
  return result;
}

}  // namespace legrad::image
