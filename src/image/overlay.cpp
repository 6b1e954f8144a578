#include <ATen/ops/empty_like.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/image.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "image/check_image.h"
#include "io/nearest_names.h"

namespace legrad {
namespace {

int opencv_colormap(Colormap map) {
  switch (map) {
    case Colormap::kViridis:
      return cv::COLORMAP_VIRIDIS;
    case Colormap::kTurbo:
      return cv::COLORMAP_TURBO;
    case Colormap::kJet:
      break;
  }
  return cv::COLORMAP_JET;
}

/// A heatmap in [0, 1] as bytes; NaN, which no method here gives, as 0.
at::Tensor heat_bytes(const at::Tensor& heatmap) {
  return heatmap.detach()
      .to(at::kCPU, at::kFloat)
      .nan_to_num(0)
      .clamp(0, 1)
      .mul(255)
      .round()
      .to(at::kByte)
      .contiguous();
}

}  // namespace

Colormap colormap(const std::string& name) {
  const std::string lower = io::lower_case(name);
  if (lower == "jet") {
    return Colormap::kJet;
  }
  if (lower == "viridis") {
    return Colormap::kViridis;
  }
  if (lower == "turbo") {
    return Colormap::kTurbo;
  }
  throw InputError("unknown colour map '" + name + "'; choose jet, viridis or turbo");
}

Blend blend(const std::string& name) {
  const std::string lower = io::lower_case(name);
  if (lower == "heat") {
    return Blend::kHeat;
  }
  if (lower == "constant") {
    return Blend::kConstant;
  }
  throw InputError("unknown blend '" + name + "'; choose heat or constant");
}

at::Tensor overlay(const at::Tensor& image, const at::Tensor& heatmap, const OverlayStyle& style) {
  const at::Tensor picture = image::checked_image(image, "overlay");
  if (!heatmap.defined() || heatmap.dim() != 2 || heatmap.size(0) != picture.size(0) ||
      heatmap.size(1) != picture.size(1)) {
    throw InputError(c10::str("overlay: expected a heatmap of the picture's size, [", picture.size(0), ", ",
                              picture.size(1), "], got ",
                              heatmap.defined() ? c10::str(heatmap.sizes()) : "an undefined tensor"));
  }
  const bool by_heat = style.blend == Blend::kHeat;
  const double alpha = style.alpha.value_or(by_heat ? 0.8 : 0.5);
  if (!(alpha >= 0 && alpha <= 1)) {
    throw InputError(c10::str("overlay: alpha must lie in [0, 1], got ", alpha));
  }
  const at::Tensor heat = heat_bytes(heatmap);
  const int rows = static_cast<int>(picture.size(0));
  const int columns = static_cast<int>(picture.size(1));
  const cv::Mat bytes(rows, columns, CV_8UC1, heat.data_ptr());
  cv::Mat colour;
  cv::applyColorMap(bytes, colour, opencv_colormap(style.colormap));
  cv::cvtColor(colour, colour, cv::COLOR_BGR2RGB);

  at::Tensor result = at::empty_like(picture);
  cv::Mat blended(rows, columns, CV_8UC3, result.data_ptr());
  const cv::Mat below(rows, columns, CV_8UC3, picture.data_ptr());
  if (!by_heat) {
    cv::addWeighted(colour, alpha, below, 1 - alpha, 0, blended);
    return result;
  }
  cv::Mat weight;
  bytes.convertTo(weight, CV_32F, alpha / 255);
  cv::blendLinear(colour, below, weight, 1 - weight, blended);
  return result;
}

}  // namespace legrad
