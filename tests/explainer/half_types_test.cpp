// Maps of trained models in float16 and bfloat16 beside those in float32, within the bounds of docs/benchmarks.md.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/image.h>
#include <legrad/legrad.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "support/test_device.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = LEGRAD_MODELS;

/// Scenes as the model takes them [3, 3, H, W].
at::Tensor scenes(const Explainer& explainer) {
  std::vector<at::Tensor> all;
  all.reserve(3);
  for (const char* name : {"scene-01.png", "scene-04.png", "scene-10.png"}) {
    all.push_back(preprocess(read_image(kModels.parent_path() / "examples" / "scenes" / name), explainer));
  }
  return at::cat(all);
}

/// Each of many maps [..., h, w] with its mean taken out and divided by its length, [M, h·w] in double.
at::Tensor directions(const at::Tensor& maps) {
  const auto rows = maps.to(at::kCPU, at::kDouble).flatten(-2).flatten(0, -2);
  const auto centred = rows - rows.mean(-1, true);
  return centred / centred.norm(2, -1, true);
}

class HalfTypes : public ::testing::TestWithParam<std::tuple<const char*, at::ScalarType>> {};

TEST_P(HalfTypes, MapsStayWithinTheStatedBounds) {
  const auto& [model, dtype] = GetParam();
  const double least_correlation = dtype == at::kHalf ? 0.9999 : 0.995;
  const double most_difference = dtype == at::kHalf ? 0.003 : 0.02;
  const auto load = [&, name = model](at::ScalarType type) {
    return Explainer::load(kModels / name, {.correction = {.off = true}},
                           {.device = testing::test_device(), .dtype = type});
  };
  const auto half = load(dtype), single = load(at::kFloat);
  const auto images = scenes(single);
  const auto known = built_in_methods();
  for (const auto& chosen : known.parse_list("all", half.vit())) {
    SCOPED_TRACE(chosen.spec);
    const auto maps = [&](const Explainer& explainer) {
      return explain(explainer.vit(), images, {2, 5}, {chosen.method}).maps[0];
    };
    const auto found = maps(half), expected = maps(single);
    ASSERT_TRUE(found.isfinite().all().item<bool>());
    // A flat map has no direction; whether both are flat, the difference tells.
    const auto correlation = (directions(found) * directions(expected)).sum(-1).nan_to_num(1);
    const auto difference = (normalized(found) - normalized(expected)).abs().mean({-2, -1});
    EXPECT_GE(correlation.min().item<double>(), least_correlation);
    EXPECT_LE(difference.max().item<double>(), most_difference);
  }
}

INSTANTIATE_TEST_SUITE_P(OfTrainedModels, HalfTypes,
                         ::testing::Combine(::testing::Values("emoji-vit", "emoji-clip", "emoji-siglip"),
                                            ::testing::Values(at::kHalf, at::kBFloat16)));

}  // namespace
}  // namespace legrad
