#include "image/geometry.h"

#include <c10/util/StringUtil.h>
#include <legrad/error.h>

#include <algorithm>
#include <cmath>

namespace legrad::image {

namespace {

double ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

/// The long side to the model's, the other rounded to even, and the picture in the middle, as open_clip and timm do it.
Geometry padded(ImageSize picture, ImageSize model) {
  const double scale = std::min(ratio(model.height, picture.height), ratio(model.width, picture.width));
  const auto side = [&](int64_t length, int64_t most) {
    return std::clamp<int64_t>(std::lrint(static_cast<double>(length) * scale), 1, most);
  };
  const ImageSize resized = {side(picture.height, model.height), side(picture.width, model.width)};
  return {resized, -((model.height - resized.height) / 2), -((model.width - resized.width) / 2)};
}

Geometry cropped(ImageSize picture, ImageSize model, double crop) {
  constexpr double kMaxPixels = 1 << 27;
  // Rounded as torchvision and timm do: sides down, the crop's offset to even. The addend keeps 223.9999 from being
  // 223.
  constexpr double kSlack = 1e-6;
  const auto larger = [&](int64_t side) { return std::floor(static_cast<double>(side) / crop + kSlack); };
  const double scale = std::max(larger(model.height) / static_cast<double>(picture.height),
                                larger(model.width) / static_cast<double>(picture.width));
  const double height = static_cast<double>(picture.height) * scale;
  const double width = static_cast<double>(picture.width) * scale;
  if (height * width > kMaxPixels) {
    throw InputError(c10::str("preprocess: a picture of ", picture.height, " x ", picture.width,
                              " pixels is too long for this model's centre crop; crop it first"));
  }
  Geometry result;
  result.resized.height = std::max(model.height, static_cast<int64_t>(height + kSlack));
  result.resized.width = std::max(model.width, static_cast<int64_t>(width + kSlack));
  result.top = std::lrint(static_cast<double>(result.resized.height - model.height) / 2);
  result.left = std::lrint(static_cast<double>(result.resized.width - model.width) / 2);
  return result;
}

}  // namespace

Geometry geometry(ImageSize picture, ImageSize model, const Preprocessing& preprocessing) {
  for (const ImageSize size : {picture, model}) {
    if (size.height < 1 || size.width < 1) {
      throw InputError(c10::str("preprocess: expected sizes of at least 1 x 1, got ", size.height, " x ", size.width));
    }
  }
  if (!(preprocessing.crop > 0 && preprocessing.crop <= 1) || preprocessing.fill < 0 || preprocessing.fill > 255) {
    throw InputError(c10::str("preprocess: expected a crop in (0, 1] and a fill from 0 to 255, got ",
                              preprocessing.crop, " and ", preprocessing.fill));
  }
  switch (preprocessing.resize) {
    case Preprocessing::Resize::kSquash:
      return {model, 0, 0};
    case Preprocessing::Resize::kShortestEdgeCrop:
      return cropped(picture, model, preprocessing.crop);
    case Preprocessing::Resize::kLongestEdgePad:
      return padded(picture, model);
  }
  throw InputError("preprocess: unknown way to resize");
}

}  // namespace legrad::image
