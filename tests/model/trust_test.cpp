// Models written in ways that lead a reader of graphs astray: each is explained rightly, by autograd on attention maps
// that are written out here, or refused by name. Every class of these gave wrong maps once.

#include <gtest/gtest.h>
#include <legrad/legrad.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "support/odd_vit.h"
#include "support/temporary_folder.h"

namespace legrad {
namespace {

using testing::OddVit;

constexpr int64_t kManyTokens = 32;  // pixels a side: 65 tokens

double relative(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

struct Expected {
  at::Tensor model;       // LeGrad with the model's own readout [B, K, rows, columns]
  at::Tensor token_mean;  // with the mean of the tokens
  at::Tensor raw;         // the last map's class row [B, rows, columns]
  at::Tensor rollout;
};

// By definition, one image and target at a time.
Expected expected(const OddVit& model, const at::Tensor& images, const std::vector<int64_t>& classes) {
  const int64_t side = model.image / model.patch;
  const auto on_grid = [&](const at::Tensor& columns) { return columns.slice(0, 1).reshape({side, side}); };
  std::vector<at::Tensor> own, mean, raw, rolled;
  for (int64_t image = 0; image < images.size(0); ++image) {
    std::vector<at::Tensor> sums(2 * classes.size(), at::zeros({side, side}, at::kDouble));
    auto x = model.embed(images.narrow(0, image, 1));
    auto product = at::eye(model.tokens(), at::kDouble);
    at::Tensor row;
    for (int64_t l = 0; l < model.blocks; ++l) {
      const auto [map, value] = model.map(x, l);
      for (size_t k = 0; k < 2 * classes.size(); ++k) {
        const auto leaf = map.detach().requires_grad_();
        auto z = model.next(x, leaf, value, l);
        if (k >= classes.size()) z = z.mean(1, true).expand_as(z);
        const auto score = model.readout(z)[0][classes[k % classes.size()]];
        const auto gradient = torch::autograd::grad({score}, {leaf})[0];
        sums[k] = sums[k] + on_grid(gradient[0].relu().mean({0, 1})) / static_cast<double>(model.blocks);
      }
      const auto with_skip = map[0].mean(0) + at::eye(model.tokens(), at::kDouble);
      product = (with_skip / with_skip.sum(-1, true)).matmul(product);
      row = map[0].mean(0)[0];
      x = model.next(x, map, value, l);
    }
    const auto halves = at::stack(sums).chunk(2);
    own.push_back(halves[0]);
    mean.push_back(halves[1]);
    raw.push_back(on_grid(row));
    rolled.push_back(on_grid(product[0]));
  }
  return {at::stack(own), at::stack(mean), at::stack(raw), at::stack(rolled)};
}

class TrustTest : public ::testing::Test {
 protected:
  std::filesystem::path saved(const OddVit& model) {
    model.save_odd(folder_.path() / "odd.pt");
    return folder_.path() / "odd.pt";
  }

  static at::Tensor noise(int64_t batch, int64_t height = 16, int64_t width = 16) {
    at::manual_seed(11);
    return at::randn({batch, 3, height, width}, at::kDouble);
  }

  static void expect_batch_is_one_by_one(const Vit& vit, const at::Tensor& images) {
    const bool few = vit.structure().tokens <= 40;  // those by rules take a while, image by image
    const auto known = built_in_methods().parse_list(
        few ? "all" : "legrad,grad_cam,attention_cam,raw_attention,rollout,chefer_cam,grad_eclip", vit);
    std::vector<Method> methods;
    for (const auto& each : known) methods.push_back(each.method);
    const auto together = explain(vit, images, {1, 3}, methods).maps;
    for (int64_t image = 0; image < images.size(0); ++image) {
      const auto alone = explain(vit, images.narrow(0, image, 1), {1, 3}, methods).maps;
      for (size_t m = 0; m < alone.size(); ++m) {
        EXPECT_LT(relative(together[m].narrow(0, image, 1), alone[m]), 1e-9) << known[m].name;
      }
    }
  }

  void expect_right(const OddVit& model) {
    const auto vit = Vit::load(saved(model));
    EXPECT_EQ(vit.structure().heads, model.heads);
    const auto all = noise(5, model.image, model.image);
    const auto want = expected(model, all, {1, 3});
    for (const int64_t batch : {1, 2, 3, 5}) {
      SCOPED_TRACE(batch);
      const auto images = all.narrow(0, 0, batch);
      const auto first = [&](const at::Tensor& maps) { return maps.narrow(0, 0, batch); };
      const auto by = [&](Readout readout) { return legrad(vit, images, {1, 3}, {.readout = readout}); };
      EXPECT_LT(relative(by(Readout::kModel), first(want.model)), 1e-6);
      EXPECT_LT(relative(by(Readout::kTokenMean), first(want.token_mean)), 1e-6);
      EXPECT_LT(relative(raw_attention(vit, images).select(1, 0), first(want.raw)), 1e-6);
      EXPECT_LT(relative(rollout(vit, images).select(1, 0), first(want.rollout)), 1e-6);
    }
    expect_batch_is_one_by_one(vit, all);
  }

  void expect_refused(const OddVit& model, Reason reason) {
    try {
      (void)Vit::load(saved(model));
      ADD_FAILURE() << "was not refused";
    } catch (const ModelError& error) {
      EXPECT_EQ(error.reason(), reason) << error.what();
    }
  }

  testing::TemporaryFolder folder_;
};

TEST_F(TrustTest, HeadsBesideImagesInEitherOrder) {
  for (const auto heads : {OddVit::Heads::kBatchMajor, OddVit::Heads::kHeadMajor}) {
    OddVit model;
    model.heads_lie = heads;
    model.fill_odd(1);
    expect_right(model);
  }
}

TEST_F(TrustTest, AMaskForEachHead) {
  for (const auto heads : {OddVit::Heads::kBatchMajor, OddVit::Heads::kHeadMajor}) {
    OddVit model;
    model.heads_lie = heads;
    model.masks = true;
    model.fill_odd(2);
    expect_right(model);
  }
}

TEST_F(TrustTest, KeysAndValuesThatHeadsShare) {
  OddVit model;
  model.heads_lie = OddVit::Heads::kShared;
  model.fill_odd(3);
  expect_right(model);
}

TEST_F(TrustTest, TokensInAnotherOrderInsideAttention) {
  for (const auto order : {OddVit::Order::kReversed, OddVit::Order::kShuffled}) {
    OddVit model;
    model.order = order;
    model.fill_odd(4);
    expect_right(model);
    model.places_inside = true;
    expect_right(model);
    model.heads_lie = OddVit::Heads::kHeadMajor;
    expect_right(model);
  }
}

TEST_F(TrustTest, TokensThatAreNotPutBackAreRefused) {
  OddVit model;
  model.order = OddVit::Order::kReversed;
  model.back_in_order = false;
  model.fill_odd(5);
  expect_refused(model, Reason::kTokensUnordered);
}

TEST_F(TrustTest, AnAttentionOverMixturesOfTokensIsRefused) {
  for (const char* mixing :
       {"    y = y + y.mean(1, keepdim=True)\n", "    y = y + 0.001 * y[:, :1]\n",
        "    y = y + torch.nan_to_num(y.mean(1, keepdim=True), 0.0)\n", "    y = y + y.roll([1], [1])\n",
        "    y = y * torch.sigmoid(torch.amax(y, [1], True))\n"}) {
    SCOPED_TRACE(mixing);
    OddVit model;
    model.before_qkv = mixing;
    model.fill_odd(6);
    expect_refused(model, Reason::kTokensUnordered);
  }
}

// So many tokens that a sample of them is looked at first.
TEST_F(TrustTest, TokensInAnotherOrderOfManyTokens) {
  for (const auto order : {OddVit::Order::kAsTokens, OddVit::Order::kReversed, OddVit::Order::kShuffled}) {
    OddVit model;
    model.image = kManyTokens;
    model.order = order;
    model.fill_odd(18);
    expect_right(model);
    if (order == OddVit::Order::kAsTokens) continue;
    model.back_in_order = false;
    expect_refused(model, Reason::kTokensUnordered);
  }
}

TEST_F(TrustTest, MixturesOfManyTokensAreRefused) {
  for (const char* mixing : {"    y = y + 1e-9 * y.mean(1, keepdim=True)\n", "    y = y + 1e-12 * y[:, :1]\n",
                             "    y = y + 1e-12 * y[:, -1:]\n", "    y = y + 1e-12 * y.flip([1])\n",
                             "    y = y + 1e-12 * y.roll([1], [1])\n", "    y = y + 1e-12 * y.roll([20], [1])\n",
                             "    y = torch.cat([y[:, :7] + 1e-12 * y[:, 50:51], y[:, 7:]], 1)\n",
                             "    y = torch.cat([y[:, :50], y[:, 50:] + 1e-12 * y[:, 3:4]], 1)\n",
                             "    y = y + 1e-9 * torch.amax(y, [1], True)\n"}) {
    SCOPED_TRACE(mixing);
    OddVit model;
    model.image = kManyTokens;
    model.before_qkv = mixing;
    model.fill_odd(19);
    expect_refused(model, Reason::kTokensUnordered);
  }
}

TEST_F(TrustTest, BlocksThatMixManyTokensAfterAttention) {
  for (const int64_t gates : {0, 1, 3}) {
    SCOPED_TRACE(gates);
    OddVit model;
    model.image = kManyTokens;
    model.gates = gates;
    model.fill_odd(20);
    expect_right(model);
    EXPECT_EQ(Vit::load(saved(model)).plan().rows_restricted, gates == 0);
  }
}

TEST_F(TrustTest, AConstantForEachOfManyTokens) {
  OddVit model;
  model.image = kManyTokens;
  model.places = model.places_inside = true;
  model.fill_odd(21);
  expect_right(model);
}

TEST_F(TrustTest, BlocksThatMixTokensAfterAttention) {
  for (const int64_t gates : {1, 2, 3}) {
    SCOPED_TRACE(gates);
    OddVit model;
    model.gates = gates;
    model.fill_odd(7);
    expect_right(model);
    EXPECT_FALSE(Vit::load(saved(model)).plan().rows_restricted);
    EXPECT_FALSE(Vit::load(saved(model), {.dtype = at::kBFloat16}).plan().rows_restricted);
  }
}

TEST_F(TrustTest, AConstantForEachTokenInEveryBlock) {
  OddVit model;
  model.places = true;
  model.fill_odd(8);
  expect_right(model);
}

TEST_F(TrustTest, AClassTokenMadeForTheExampleBatch) {
  OddVit model;
  model.fill_odd(9);
  model.class_token = "torch.zeros([x.size(0), 1, 16], dtype=x.dtype).add_(self.cls[0, 0])";
  expect_right(model);
}

TEST_F(TrustTest, AFileForABatchOfTwoIsRefused) {
  OddVit model;
  model.class_token = "self.cls.expand(2, -1, -1)";
  model.fill_odd(16);
  expect_refused(model, Reason::kBatchUnfit);
}

TEST_F(TrustTest, AnImageThatIsTurnedFirst) {
  const std::map<std::string, std::function<at::Tensor(const at::Tensor&)>> turns = {
      {"    x = x.transpose(2, 3)\n", [](const at::Tensor& map) { return map.transpose(-2, -1); }},
      {"    x = x.flip([2])\n", [](const at::Tensor& map) { return map.flip(-2); }},
      {"    x = x.flip([3])\n", [](const at::Tensor& map) { return map.flip(-1); }},
      {"    x = x.transpose(2, 3).flip([2])\n", [](const at::Tensor& map) { return map.flip(-2).transpose(-2, -1); }},
  };
  for (const auto& [code, turn] : turns) {
    SCOPED_TRACE(code);
    OddVit model;
    model.before_patches = code;
    model.fill_odd(10);
    const auto vit = Vit::load(saved(model));
    const auto images = noise(2);
    const auto want = expected(model,
                               code.find("transpose") == std::string::npos ? turn(images)
                               : code.find("flip") == std::string::npos    ? images.transpose(2, 3)
                                                                           : images.transpose(2, 3).flip(2),
                               {1, 3});
    EXPECT_LT(relative(legrad(vit, images, {1, 3}, {.readout = Readout::kModel}), turn(want.model)), 1e-6);
    EXPECT_LT(relative(rollout(vit, images).select(1, 0), turn(want.rollout)), 1e-6);
  }
}

// Patches that overlap: the turn is told by what the patch embedding gives.
TEST_F(TrustTest, AnImageThatIsTurnedBeforePatchesThatOverlap) {
  const std::string smooth = "    x = torch.avg_pool2d(x, [3, 3], [1, 1], [1, 1])\n";
  OddVit plain;
  plain.before_patches = smooth;
  plain.fill_odd(17);
  const auto images = noise(2);
  const auto want = legrad(Vit::load(saved(plain)), images, {1, 3}, {.readout = Readout::kModel});
  OddVit turned = plain;
  turned.before_patches = "    x = x.transpose(2, 3).flip([2])\n" + smooth;
  const auto found =
      legrad(Vit::load(saved(turned)), images.flip(2).transpose(2, 3), {1, 3}, {.readout = Readout::kModel});
  EXPECT_LT(relative(found, want.flip(-2).transpose(-2, -1)), 1e-6);
}

TEST_F(TrustTest, AReadoutOfASliceIsNotTakenToAnotherSize) {
  OddVit model;
  model.read = "x[:, -16:].mean(1)";
  model.fill_odd(12);
  const auto vit = Vit::load(saved(model));
  EXPECT_EQ(vit.structure().readout, ReadoutKind::kPatchMean);
  try {
    (void)vit.resized(32, 32);
    ADD_FAILURE() << "was not refused";
  } catch (const ModelError& error) {
    EXPECT_EQ(error.reason(), Reason::kSizeUnfit) << error.what();
  }
}

TEST_F(TrustTest, AProductWithZeroIsNoReadout) {
  OddVit model;
  model.read = "torch.matmul((torch.arange(17, dtype=x.dtype) == 0).to(x.dtype), x)";
  model.fill_odd(13);
  const auto vit = Vit::load(saved(model));
  EXPECT_EQ(vit.structure().readout_rows, std::vector<int64_t>{0});
  const auto images = noise(2);
  EXPECT_LT(relative(raw_attention(vit, images).select(1, 0), expected(model, images, {1}).raw), 1e-6);
}

TEST_F(TrustTest, AMeanOverTheImagesIsRefused) {
  OddVit model;
  model.before_patches = "    x = x - x.mean(0, keepdim=True)\n";
  model.fill_odd(14);
  expect_refused(model, Reason::kMixesImages);
}

TEST_F(TrustTest, ASizeThatIsGuessedIsSaidToBe) {
  OddVit model;
  model.fill_odd(15);
  EXPECT_TRUE(Vit::load(saved(model)).structure().image->size_guessed);
  const auto told = Vit::load(saved(model), {.input_size = ImageSize{32, 8}});
  EXPECT_FALSE(told.structure().image->size_guessed);
  EXPECT_EQ(told.structure().image->grid, (PatchGrid{8, 2}));
}

}  // namespace
}  // namespace legrad
