// What a picture says of itself, before OpenCV is given it.

#include "fuzz/reading.h"
#include "fuzz/targets.h"
#include "image/picture_header.h"

namespace legrad::fuzz {

void picture(std::string_view input) {
  const auto bytes = input;
  const auto header = image::read_picture_header(bytes);
  for (const int orientation : {header ? header->orientation : 1, image::exif_orientation(bytes)}) {
    if (orientation < 1 || orientation > 8) throw std::logic_error("no such orientation");
  }
}

}  // namespace legrad::fuzz
