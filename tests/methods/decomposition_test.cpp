// The output as a sum of what heads and MLPs add to it, against plain tensor code and on the stock exports of
// tests/data/fixtures.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/decomposition.h>
#include <legrad/error.h>
#include <legrad/methods/text_span.h>
#include <legrad/npy.h>
#include <legrad/patch_map.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/odd_vit.h"
#include "support/temporary_folder.h"
#include "support/test_device.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return INFINITY;
  return ((found.cpu().to(at::kDouble) - expected.cpu().to(at::kDouble)).abs().max() / expected.abs().max().cpu())
      .item<double>();
}

at::Tensor sum_of(const Decomposition& parts) { return parts.heads.sum({1, 2}) + parts.mlps.sum(1) + parts.rest; }

/// By hand: every weight is there to be multiplied with.
Decomposition by_hand(const testing::TinyVit& model, const at::Tensor& images) {
  auto x = model.embed(images);
  auto start = x.select(1, 0);
  const int64_t e = model.width / model.heads;
  std::vector<at::Tensor> heads, tokens, mlps;
  for (int64_t l = 0; l < model.blocks; ++l) {
    const auto [a, v] = model.attention(x, l);
    std::vector<at::Tensor> by_token;
    for (int64_t h = 0; h < model.heads; ++h) {
      const auto weighed = a.select(1, h).select(1, 0).unsqueeze(-1) * v.select(1, h);  // [B, N, e]
      by_token.push_back(weighed.matmul(model.w("out_w", l).narrow(1, h * e, e).t()));
    }
    tokens.push_back(at::stack(by_token, 1));  // [B, h, N, d]
    heads.push_back(tokens.back().sum(2));
    const auto next = model.finish(x, a, v, l);
    mlps.push_back(next.select(1, 0) - x.select(1, 0) - heads.back().sum(1) - model.w("out_b", l));
    start = start + model.w("out_b", l);
    x = next;
  }
  const auto last = x.select(1, 0);
  const auto spread = at::sqrt(last.var({1}, /*correction=*/0, /*keepdim=*/true) + 1e-5);
  const auto read = [&](const at::Tensor& part) {
    const auto divisor = spread.reshape([&] {
      std::vector<int64_t> sizes(static_cast<size_t>(part.dim()), 1);
      sizes[0] = part.size(0);
      return sizes;
    }());
    return at::linear(part / divisor, model.weights.at("head_w"));
  };
  const auto mean = last.mean(1, /*keepdim=*/true);
  return {model.readout(x), read(at::stack(heads, 1)), read(at::stack(tokens, 1)), read(at::stack(mlps, 1)),
          read(start - mean) + model.weights.at("head_b")};
}

class DecompositionTest : public ::testing::Test {
 protected:
  Vit load(const testing::TinyVit& model) const {
    model.save(folder_.path() / "vit.pt");
    return Vit::load(folder_.path() / "vit.pt", {.device = testing::test_device()});
  }
  testing::TemporaryFolder folder_;
};

TEST_F(DecompositionTest, IsWhatTheWeightsSay) {
  testing::TinyVit model;
  model.blocks = 3;
  model.fill(8);
  const auto images = at::randn({4, 3, model.image, model.image}, at::kDouble);
  const auto expected = by_hand(model, images);
  const auto found = decompose(load(model), images, {0, 2});
  EXPECT_LT(difference(found.output, expected.output), 1e-9);
  EXPECT_LT(difference(found.heads, expected.heads), 1e-9);
  EXPECT_LT(difference(found.mlps, expected.mlps), 1e-9);
  EXPECT_LT(difference(found.rest, expected.rest), 1e-9);
  EXPECT_LT(difference(found.tokens, at::index_select(expected.tokens, 1, at::tensor({0, 2}, at::kLong))), 1e-9);
  EXPECT_FALSE(decompose(load(model), images).tokens.defined());
}

TEST_F(DecompositionTest, IsThatOfEachImageAlone) {
  testing::TinyVit model;
  model.sizes_as_numbers = true;  // a batch of one
  model.fill(9);
  const auto vit = load(model);
  ASSERT_TRUE(vit.plan().batch_of_one);
  const auto images = at::randn({3, 3, model.image, model.image}, at::kDouble);
  EXPECT_LT(difference(decompose(vit, images).heads, by_hand(model, images).heads), 1e-9);
}

TEST_F(DecompositionTest, RefusesWhatIsNoSum) {
  const auto refused = [&](testing::OddVit model, const char* part) {
    model.fill_odd(10);
    model.save_odd(folder_.path() / "odd.pt");
    const auto vit = Vit::load(folder_.path() / "odd.pt");
    const auto images = at::randn({1, 3, model.image, model.image}, at::kDouble);
    try {
      decompose(vit, images);
      ADD_FAILURE() << "was not refused: " << part;
    } catch (const InputError& error) {
      EXPECT_EQ(error.reason(), Reason::kNoMeaning);
      EXPECT_TRUE(contains(error.what(), part));
    }
  };
  testing::OddVit bent;
  bent.read = "torch.tanh(x[:, 0])";
  refused(bent, "readout is not linear");
  testing::OddVit gated;
  gated.read = "x[:, 0] * torch.sigmoid(x[:, 0])";
  refused(gated, "readout is not linear");
}

TEST_F(DecompositionTest, RefusesABlockThatIsNotThere) {
  testing::TinyVit model;
  model.fill(11);
  const auto vit = load(model);
  const auto images = at::randn({1, 3, model.image, model.image}, at::kDouble);
  EXPECT_TRUE(contains(message_of<InputError>([&] { decompose(vit, images, {2}); }), "no block 2"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { decompose(vit, images, {-3}); }), "no block -3"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { decompose(vit, images.narrow(3, 0, 8)); }), "the model takes"));
}

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(LEGRAD_TEST_DATA) / "fixtures")) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

class DecomposedFixture : public ::testing::TestWithParam<std::string> {};

TEST_P(DecomposedFixture, SumsBackToTheOutput) {
  const auto folder = fs::path(LEGRAD_TEST_DATA) / "fixtures" / GetParam();
  const auto description = nlohmann::json::parse(std::ifstream(folder / "fixture.json"));
  LoadOptions options{.device = testing::test_device()};
  const auto size = description.at("structure").at("input").get<std::vector<int64_t>>();
  options.input_size = ImageSize{size.at(0), size.at(1)};
  if (description.value("converted", false)) {
    options.dtype = description.at("dtype") == "float64" ? at::kDouble : at::kFloat;
  }
  const auto vit = Vit::load(folder / description.at("file").get<std::string>(), options);
  const auto images = read_npy(folder / "images.npy");
  if (vit.structure().readout == ReadoutKind::kPooler) {
    EXPECT_TRUE(contains(message_of<InputError>([&] { decompose(vit, images); }), "pooler"));
    return;
  }
  const int64_t blocks = vit.structure().blocks;
  std::vector<int64_t> last;
  for (int64_t l = std::max<int64_t>(blocks - 4, 0); l < blocks; ++l) last.push_back(l);
  const auto found = decompose(vit, images, last);
  const double tolerance = vit.structure().dtype == at::kDouble ? 1e-9 : 1e-4;
  EXPECT_LT(difference(found.output, read_npy(folder / "output.npy")), tolerance);
  EXPECT_LT(difference(sum_of(found), found.output), tolerance);
  EXPECT_LT(difference(found.tokens.sum(3), found.heads.narrow(1, last.front(), last.size())), tolerance);

  // TextSpan's maps take gradients block by block, and are held against a definition of their own.
  at::manual_seed(3);
  const auto directions = at::randn({2, found.output.size(1)}, found.output.options().device(at::kCPU));
  const auto maps = text_span(vit, images, Target(directions, Similarity::kDot));
  const auto scores = found.tokens.sum({1, 2}).matmul(directions.t().to(found.tokens.device()));  // [B, N, K]
  EXPECT_LT(difference(on_patch_grid(scores.transpose(1, 2), vit.structure()), maps), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Homes, DecomposedFixture, ::testing::ValuesIn(fixtures()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace legrad
