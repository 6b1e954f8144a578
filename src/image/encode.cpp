#include "image/encode.h"

#include <ATen/Functions.h>
#include <legrad/image.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace legrad::image {

std::string encoded(const std::string& extension, const at::Tensor& picture) {
  const at::Tensor bytes = picture.contiguous();
  const bool transparent = bytes.size(2) == 4;
  const cv::Mat rgb(static_cast<int>(bytes.size(0)), static_cast<int>(bytes.size(1)), transparent ? CV_8UC4 : CV_8UC3,
                    bytes.data_ptr());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, transparent ? cv::COLOR_RGBA2BGRA : cv::COLOR_RGB2BGR);
  std::vector<unsigned char> file;
  try {
    if (extension.empty() || !cv::imencode(extension, bgr, file)) file.clear();
  } catch (const cv::Exception&) {  // thrown for an extension it does not know
    file.clear();
  }
  return {file.begin(), file.end()};
}

at::Tensor heat_colours(const at::Tensor& heatmap) {
  const at::Tensor black = at::zeros({heatmap.size(0), heatmap.size(1), 3}, at::kByte);
  const at::Tensor colour = overlay(black, heatmap, {.blend = Blend::kConstant, .alpha = 1});
  const at::Tensor opaque = heatmap.to(at::kCPU, at::kFloat).clamp(0, 1).mul(255).round().to(at::kByte);
  return at::cat({colour, opaque.unsqueeze(-1)}, -1);
}

}  // namespace legrad::image
