#include "image/check_image.h"

#include <c10/util/StringUtil.h>
#include <legrad/error.h>

namespace legrad::image {

at::Tensor checked_image(const at::Tensor& image, const char* function) {
  const bool fits = image.defined() && image.scalar_type() == at::kByte && image.dim() == 3 && image.size(2) == 3 &&
                    image.numel() > 0;
  if (!fits) {
    throw InputError(
        c10::str(function, ": expected RGB bytes of shape [H, W, 3], got ",
                 image.defined() ? c10::str(image.scalar_type(), " ", image.sizes()) : "an undefined tensor"));
  }
  return image.to(at::kCPU).contiguous();
}

}  // namespace legrad::image
