#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/heatmap.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace legrad {
namespace {

void check_maps(const at::Tensor& maps, const char* function) {
  if (!maps.defined()) {
    throw InputError(c10::str(function, ": expected maps of shape [..., H, W], got an undefined tensor"));
  }
  if (maps.dim() < 2 || !at::isFloatingType(maps.scalar_type())) {
    throw InputError(c10::str(function, ": expected floating-point maps of shape [..., H, W], got ", maps.scalar_type(),
                              " ", maps.sizes()));
  }
}

}  // namespace

at::Tensor normalized(const at::Tensor& maps) {
  check_maps(maps, "normalized");
  if (maps.numel() == 0) {
    return maps.clone();
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  // Halves in double: the span of two finite numbers may be twice the largest one, of float16 as of float64.
  const at::Tensor values = maps.to(at::kDouble) * 0.5;
  const at::Tensor finite = at::isfinite(values);
  const at::Tensor low = at::where(finite, values, kInfinity).amin({-2, -1}, /*keepdim=*/true);
  const at::Tensor high = at::where(finite, values, -kInfinity).amax({-2, -1}, /*keepdim=*/true);

  const at::Tensor stretched = ((values - low) / (high - low)).clamp(0, 1);  // clamps infinities; keeps NaN
  const at::Tensor meaningful = (high > low).logical_and(at::isnan(values).logical_not());
  return at::where(meaningful, stretched, 0.0).to(maps.scalar_type());
}

at::Tensor resized(const at::Tensor& maps, ImageSize size) {
  check_maps(maps, "resized");
  if (size.height < 1 || size.width < 1) {
    throw InputError(c10::str("resized: expected a size of at least 1 x 1, got ", size.height, " x ", size.width));
  }
  if (maps.numel() == 0) {
    throw InputError(c10::str("resized: there is nothing in maps of shape ", maps.sizes()));
  }
  // The operator wants four dimensions; leading ones are folded into its channels.
  const int64_t rows = maps.size(-2);
  const int64_t columns = maps.size(-1);
  std::vector<int64_t> shape = maps.sizes().vec();
  shape[shape.size() - 2] = size.height;
  shape[shape.size() - 1] = size.width;
  return at::upsample_bilinear2d(maps.reshape({1, -1, rows, columns}), {size.height, size.width},
                                 /*align_corners=*/false)
      .reshape(shape);
}

}  // namespace legrad
