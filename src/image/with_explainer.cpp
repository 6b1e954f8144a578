#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>

#include "image/check_image.h"

namespace legrad {

at::Tensor preprocess(const at::Tensor& image, const Explainer& explainer) {
  const ImageInput& input = *explainer.vit().structure().image;
  if (input.channels != 3) {
    throw InputError(
        c10::str("the model takes images of ", input.channels, " channels, pictures have 3; explain arrays instead"),
        Reason::kOtherInput);
  }
  return preprocess(image, input.size, explainer.bundle().preprocessing);
}

at::Tensor heat_over(const at::Tensor& image, const at::Tensor& maps, const Explainer& explainer) {
  const at::Tensor picture = image::checked_image(image, "heat_over");
  return on_picture(normalized(maps.to(at::kCPU, at::kFloat)), {picture.size(0), picture.size(1)},
                    explainer.vit().structure().image->size, explainer.bundle().preprocessing);
}

}  // namespace legrad
