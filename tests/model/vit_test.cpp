#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <atomic>
#include <map>
#include <thread>

#include "support/message_of.h"
#include "support/temporary_folder.h"
#include "support/test_device.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

using testing::TinyVit;

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a.cpu() - b.cpu()).abs().max() / b.cpu().abs().max()).item<double>();
}

Vit load(const std::filesystem::path& file, LoadOptions options = {}) {
  options.device = testing::test_device();
  return Vit::load(file, options);
}

class VitTest : public ::testing::Test {
 protected:
  VitTest() {
    model_.fill(1);
    model_.save(file());
    at::manual_seed(7);
    images_ = at::randn({2, 3, model_.image, model_.image}, at::kDouble);
  }
  std::filesystem::path file() const { return folder_.path() / "vit.pt"; }

  testing::TemporaryFolder folder_;
  TinyVit model_;
  at::Tensor images_;
};

// Equation 8: s(A + δA) = s(A) + <∂s/∂A, δA> + O(|δA|²), with the δA of one map entry after the other.
class SensitivityWatcher : public ForwardWatcher {
 public:
  BlockScore wants(int64_t) const override { return BlockScore::kModel; }
  void on_gradient(const ScoreGradient& gradient) override {
    auto full = at::zeros({gradient.attention->batch(), gradient.attention->heads(), gradient.attention->queries(),
                           gradient.attention->tokens()},
                          at::kDouble);
    const auto given = gradient.attention->gradient_rows(gradient.context_gradient)[0];
    for (size_t i = 0; i < gradient.rows->size(); ++i) full.select(2, gradient.rows->at(i)).copy_(given.select(2, i));
    gradients.push_back(full);
  }
  std::vector<at::Tensor> gradients;
};

TEST_F(VitTest, GradientAtTheAttentionMapIsAFiniteDifference) {
  const auto vit = load(file());
  SensitivityWatcher watcher;
  vit.sweep(images_, Target{3}, {&watcher});
  ASSERT_EQ(watcher.gradients.size(), 2);
  auto x = model_.embed(images_);
  for (int64_t l = 0; l < model_.blocks; ++l) {
    const auto attended = model_.attention(x, l);
    const auto& a = attended.first;
    const auto& v = attended.second;
    const auto score = [&](const at::Tensor& map) {
      return model_.readout(model_.finish(x, map, v, l)).select(1, 3).sum().item<double>();
    };
    constexpr double kStep = 1e-5;
    auto differences = at::zeros_like(a);
    for (const int64_t row : {0L, 5L}) {
      for (int64_t head = 0; head < model_.heads; ++head) {
        for (int64_t column = 0; column < model_.tokens(); ++column) {
          auto plus = a.clone();
          auto minus = a.clone();
          plus[1][head][row][column] += kStep;
          minus[1][head][row][column] -= kStep;
          differences[1][head][row][column] = (score(plus) - score(minus)) / (2 * kStep);
        }
      }
    }
    EXPECT_LT(relative(watcher.gradients[l][1].select(1, 0), differences[1].select(1, 0)), 1e-7) << "block " << l;
    // The class token's row alone matters to a readout of the class token.
    EXPECT_LT(differences[1].select(1, 5).abs().max().item<double>(), 1e-9);
    x = model_.finish(x, a, v, l);
  }
}

TEST_F(VitTest, MapsDoNotDependOnTheCallersModes) {
  const auto explain = [&](const Vit& vit, const at::Tensor& images) {
    return std::make_pair(legrad(vit, images, {1, 4}), chefer_cam(vit, images, {1, 4}));
  };
  const auto expected = explain(load(file()), images_);
  const auto check = [&](const Vit& vit, const at::Tensor& images) {
    const auto maps = explain(vit, images);
    EXPECT_TRUE(at::equal(maps.first, expected.first));
    EXPECT_TRUE(at::equal(maps.second, expected.second));
    EXPECT_FALSE(maps.first.requires_grad());
  };
  std::optional<Vit> loaded;
  {
    const c10::InferenceMode inference;
    loaded = load(file());
    check(*loaded, images_.clone());
    EXPECT_TRUE(c10::InferenceMode::is_enabled());
  }
  check(*loaded, images_);
  {
    const at::NoGradGuard no_grad;
    check(load(file()), images_);
    EXPECT_FALSE(at::GradMode::is_enabled());
  }
  EXPECT_TRUE(at::GradMode::is_enabled());
  check(*loaded, images_.clone().requires_grad_());
}

TEST_F(VitTest, ModesAreRestoredAfterAThrow) {
  const auto vit = load(file());
  const c10::InferenceMode inference;
  const Target bad([](const at::Tensor&) -> at::Tensor { throw std::runtime_error("no"); });
  EXPECT_THROW((void)legrad(vit, images_, bad), std::runtime_error);
  EXPECT_TRUE(c10::InferenceMode::is_enabled());
  EXPECT_FALSE(at::GradMode::is_enabled());
}

TEST_F(VitTest, ManyThreadsGetEqualMaps) {
  const auto vit = load(file());
  const auto expected = legrad(vit, images_, {0, 2});
  const auto expected_cam = chefer_cam(vit, images_, {0, 2});
  std::atomic<int> wrong = 0;
  constexpr int count = 8;
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (int t = 0; t < count; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        wrong += !at::equal(legrad(vit, images_, {0, 2}), expected);
        wrong += !at::equal(chefer_cam(vit, images_, {0, 2}), expected_cam);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(VitTest, ATargetIsTheSameHoweverItIsGiven) {
  const auto vit = load(file());
  for (const auto readout : {Readout::kModel, Readout::kTokenMean}) {
    const auto explain = [&](const Target& target) { return legrad(vit, images_, target, {.readout = readout}); };
    const auto expected = explain({3, 1});
    const auto rows = at::zeros({2, 5}, at::kDouble);
    rows[0][3] = 1;
    rows[1][1] = 1;
    EXPECT_LT(relative(explain(Target(rows, Similarity::kDot)), expected), 1e-12);
    EXPECT_LT(relative(explain(Target(at::tensor({3, 1, 3, 1}, at::kLong).view({2, 2}))), expected), 1e-12);
    EXPECT_LT(relative(explain(Target({-2, -4})), expected), 1e-12);
    const Target function([](const at::Tensor& y) { return at::stack({y.select(1, 3), y.select(1, 1)}, 1); });
    EXPECT_LT(relative(explain(function), expected), 1e-12);
  }
}

// Notes what it is called with.
class NotingWatcher : public BackwardWatcher {
 public:
  explicit NotingWatcher(std::map<int64_t, BackwardNeed> needed) : needed_(std::move(needed)) {}
  BackwardNeed needs(int64_t block) const override {
    const auto found = needed_.find(block);
    return found == needed_.end() ? BackwardNeed::kNothing : found->second;
  }
  void on_attention(int64_t block, const Attention& attention) override {
    EXPECT_EQ(attention.tokens(), 17);
    called.push_back("attention " + std::to_string(block));
  }
  void on_block(const BackwardBlock& block) override {
    EXPECT_EQ(block.output.sizes(), block.output_gradient.sizes());
    EXPECT_EQ(needs(block.index) == BackwardNeed::kContext, block.attention && block.context_gradient.defined());
    called.push_back("target " + std::to_string(block.target) + " of " + std::to_string(block.index));
  }
  std::vector<std::string> called;

 private:
  std::map<int64_t, BackwardNeed> needed_;
};

TEST_F(VitTest, ABackwardWatcherGetsWhatItNeeds) {
  using Calls = std::vector<std::string>;
  const auto vit = load(file());
  const auto calls = [&](std::map<int64_t, BackwardNeed> needed, const Target& target = {}) {
    NotingWatcher watcher(std::move(needed));
    vit.sweep(images_, target, {}, {&watcher});
    return watcher.called;
  };
  EXPECT_EQ(calls({}), Calls({}));
  EXPECT_EQ(calls({{0, BackwardNeed::kAttention}}), Calls({"attention 0"}));
  EXPECT_EQ(calls({{1, BackwardNeed::kAttention}}), Calls({"attention 1"}));
  EXPECT_EQ(calls({{0, BackwardNeed::kAttention}, {1, BackwardNeed::kTokens}}, {3}),
            Calls({"target 0 of 1", "attention 0"}));
  EXPECT_EQ(calls({{0, BackwardNeed::kTokens}}, {3, 1}), Calls({"target 0 of 0", "target 1 of 0"}));
  EXPECT_EQ(calls({{1, BackwardNeed::kContext}, {0, BackwardNeed::kContext}}, {3, 1}),
            Calls({"target 0 of 1", "target 1 of 1", "target 0 of 0", "target 1 of 0"}));
  EXPECT_THROW(calls({{1, BackwardNeed::kTokens}}), InputError) << "a gradient of no target";
}

TEST_F(VitTest, MoreTargetsThanOnePassTakesGiveTheSameMaps) {
  const auto vit = load(file());
  at::manual_seed(3);
  const auto embeddings = at::randn({300, 5}, at::kDouble);
  const auto all = legrad(vit, images_, embeddings);
  ASSERT_EQ(all.sizes(), (std::vector<int64_t>{2, 300, 4, 4}));
  for (const int64_t k : {0L, 128L, 299L}) {
    const auto one = legrad(vit, images_, embeddings.narrow(0, k, 1));
    EXPECT_LT(relative(all.narrow(1, k, 1), one), 1e-10);
  }
}

TEST_F(VitTest, LayersAreThoseAskedFor) {
  const auto vit = load(file());
  const auto both = legrad_by_layer(vit, images_, {2});
  const auto last = legrad_by_layer(vit, images_, {2}, {.layers = {-1}});
  EXPECT_EQ(both.layer_scores.sizes(), (std::vector<int64_t>{2, 2, 1}));
  EXPECT_TRUE(at::equal(both.layer_maps[1], last.maps));
  EXPECT_LT(relative(both.maps, both.layer_maps.mean(0)), 1e-12);
  const auto weighted = legrad(vit, images_, {2}, {.layer_weights = {1, 3}});
  EXPECT_LT(relative(weighted, (both.layer_maps[0] + 3 * both.layer_maps[1]) / 4), 1e-12);
  EXPECT_THROW((void)legrad(vit, images_, {2}, {.layers = {2}}), InputError);
}

TEST_F(VitTest, AMethodThatIgnoresTheTargetGivesTheSameMapForEach) {
  const auto vit = load(file());
  const auto alone = rollout(vit, images_);
  ASSERT_EQ(alone.sizes(), (std::vector<int64_t>{2, 1, 4, 4}));
  for (const auto& maps : {rollout(vit, images_, {3, 1, 2}), raw_attention(vit, images_, {3, 1, 2})}) {
    ASSERT_EQ(maps.sizes(), (std::vector<int64_t>{2, 3, 4, 4}));
    EXPECT_TRUE(at::equal(maps.select(1, 0), maps.select(1, 2)));
  }
  EXPECT_TRUE(at::equal(rollout(vit, images_, {3, 1}).narrow(1, 1, 1), alone));
}

TEST_F(VitTest, MethodsRefuseOptionsThatMeanNothing) {
  const auto vit = load(file());
  const auto says = [&](const Method& method, const std::string& part) {
    const auto message = testing::message_of<InputError>([&] { explain(vit, images_, {1}, {method}); });
    EXPECT_TRUE(testing::contains(message, part)) << message;
  };
  says(grad_cam_method({.layers = {0, 1}}), "multi_layer");
  says(grad_cam_method({.layers = {2}}), "blocks 0 to 1");
  says(attention_cam_method({.layer = 2}), "blocks 0 to 1");
  says(raw_attention_method({.layer = -3}), "blocks 0 to 1");
  says(rollout_method({.start_layer = 2}), "blocks 0 to 1");
  says(rollout_method({.layers = {0}, .start_layer = 1}), "start_layer 1");
  says(rollout_method({.discard_ratio = 1}), "discard_ratio");
  says(chefer_cam_method({.normalize = true}), "no pooler");
}

TEST_F(VitTest, ARunMayOutliveTheModel) {
  const auto known = built_in_methods();
  for (const auto& name : known.names()) {
    SCOPED_TRACE(name);
    const auto method = known.get(name);
    std::optional<Vit> vit = load(file());
    const auto expected = explain(*vit, images_, {1, 4}, {method}).maps[0];
    const auto run = method(vit->shared_structure());
    const std::weak_ptr<const Structure> structure = vit->shared_structure();
    std::vector<ForwardWatcher*> forward;
    std::vector<BackwardWatcher*> backward;
    if (run->forward()) forward.push_back(run->forward());
    std::vector<RelevanceWatcher*> relevance;
    if (run->backward()) backward.push_back(run->backward());
    if (run->relevance()) relevance.push_back(run->relevance());
    vit->sweep(images_, {1, 4}, forward, backward, relevance);
    vit.reset();
    EXPECT_FALSE(structure.expired()) << "the run reads a structure that is gone";
    EXPECT_TRUE(at::equal(run->maps().expand_as(expected), expected));
  }
}

/// The half types are too coarse for relevance, and say so before anything runs.
TEST_F(VitTest, RelevanceIsRefusedInHalfTypes) {
  const auto vit = Vit::load(file(), {.device = testing::test_device(), .dtype = at::kBFloat16});
  const auto known = built_in_methods();
  const auto chosen = known.parse_list("paper", vit);
  for (const char* name : {"transformer_attribution", "partial_lrp"}) {
    EXPECT_TRUE(std::ranges::none_of(chosen, [&](const auto& method) { return method.name == name; })) << name;
    EXPECT_NE(
        testing::message_of<InputError>([&] { explain(vit, images_, {1}, {known.get(name)}); }).find("too coarse"),
        std::string::npos);
  }
  EXPECT_EQ(chosen.size(), 7U);
}

TEST_F(VitTest, TheCorrectionDropsWhatIsSalientForTheEmptyPrompt) {
  const auto vit = load(file());
  const Target target({3, 1});
  const Target empty({4});
  const auto known = built_in_methods();
  const auto methods = known.choose("all");
  const auto raw = explain(vit, images_, target, methods).maps;
  const auto raw_empty = explain(vit, images_, empty, methods).maps;
  constexpr double kThreshold = 0.6;
  const auto found = explain(vit, images_, target, methods, {.empty = empty, .threshold = kThreshold}).maps;
  ASSERT_EQ(found.size(), raw.size());
  for (size_t m = 0; m < found.size(); ++m) {
    SCOPED_TRACE(known.names()[m]);
    ASSERT_EQ(found[m].sizes(), raw[m].sizes());
    auto expected = raw[m].clone();
    int dropped = 0;
    for (int64_t image = 0; image < 2; ++image) {
      const auto map = raw_empty[m][image][0];
      const auto least = map.min().item<double>();
      const auto greatest = map.max().item<double>();
      for (int64_t i = 0; i < map.numel(); ++i) {
        if (!(map.flatten()[i].item<double>() - least > kThreshold * (greatest - least))) continue;
        expected[image].flatten(1).select(1, i).zero_();
        ++dropped;
      }
    }
    EXPECT_GT(dropped, 0);
    EXPECT_LT(relative(found[m], expected), 1e-12);
  }
  const auto says = [&](const Correction& correction, const std::string& part) {
    const auto message = testing::message_of<InputError>([&] { explain(vit, images_, target, methods, correction); });
    EXPECT_TRUE(testing::contains(message, part)) << message;
  };
  says({.empty = {}}, "no target");
  says({.empty = {1, 2}}, "2 were given");
  says({.empty = empty, .threshold = 1.5}, "outside [0, 1]");
}

TEST_F(VitTest, AFileThatHoldsABatchOfOneGivesTheSameMaps) {
  const auto vit = load(file());
  model_.sizes_as_numbers = true;
  model_.save(folder_.path() / "one.pt");
  const auto one = load(folder_.path() / "one.pt");
  EXPECT_FALSE(vit.plan().batch_of_one);
  EXPECT_TRUE(one.plan().batch_of_one);
  EXPECT_TRUE(one.plan().rows_restricted);
  EXPECT_LT(relative(one.forward(images_), vit.forward(images_)), 1e-12);
  for (const auto readout : {Readout::kModel, Readout::kTokenMean}) {
    const auto maps = [&](const Vit& model) { return legrad(model, images_, {1, 4, 2}, {.readout = readout}); };
    EXPECT_LT(relative(maps(one), maps(vit)), 1e-12);
  }
  EXPECT_LT(relative(chefer_cam(one, images_, {1, 4}), chefer_cam(vit, images_, {1, 4})), 1e-12);
}

TEST_F(VitTest, ResizedIsTheModelWithAResampledPositionEmbedding) {
  for (const bool numbers : {false, true}) {
    model_.sizes_as_numbers = numbers;
    model_.save(file());
    const auto vit = load(file());
    const auto resized = vit.resized(24, 12);
    EXPECT_EQ(resized.structure().image->grid, (PatchGrid{6, 3}));
    EXPECT_EQ(vit.structure().image->grid, (PatchGrid{4, 4}));
    const auto pos = model_.weights.at("pos");
    const auto map = pos.narrow(1, 1, 16).reshape({1, 4, 4, model_.width}).permute({0, 3, 1, 2});
    const auto sampled = at::_upsample_bicubic2d_aa(map, {6, 3}, false).flatten(2).transpose(1, 2);
    TinyVit expected = model_;
    expected.weights["pos"] = at::cat({pos.narrow(1, 0, 1), sampled}, 1);
    const auto images = at::randn({2, 3, 24, 12}, at::kDouble);
    auto x = expected.embed(images);
    for (int64_t l = 0; l < expected.blocks; ++l) {
      const auto [a, v] = expected.attention(x, l);
      x = expected.finish(x, a, v, l);
    }
    EXPECT_LT(relative(resized.forward(images), expected.readout(x)), 1e-12);
    EXPECT_EQ(legrad(resized, images, {1}).sizes(), (std::vector<int64_t>{2, 1, 6, 3}));
    EXPECT_LT(relative(load(file(), {.input_size = ImageSize{24, 12}}).forward(images), resized.forward(images)),
              1e-12);
  }
  const auto vit = load(file());
  const auto message = testing::message_of<InputError>([&] { (void)vit.resized(18, 16); });
  EXPECT_TRUE(testing::contains(message, "multiples of the patch size 4x4")) << message;
}

TEST_F(VitTest, FollowedByAnotherItGoesOnWithItsWeights) {
  TinyVit other = model_;
  other.fill(2);
  other.save(folder_.path() / "other.pt");
  const Vit vit = load(file()), rest = load(folder_.path() / "other.pt");
  for (int64_t blocks = 0; blocks <= model_.blocks; ++blocks) {
    const Vit joined = vit.followed_by(rest, blocks);
    at::Tensor x = model_.embed(images_);
    for (int64_t l = 0; l < model_.blocks; ++l) {
      const TinyVit& at = l < blocks ? model_ : other;
      const auto [a, v] = at.attention(x, l);
      x = at.finish(x, a, v, l);
    }
    EXPECT_LT(relative(joined.forward(images_), other.readout(x)), 1e-9) << blocks;
    EXPECT_THROW(joined.resized(32, 32), InputError);
  }
  EXPECT_THROW(vit.followed_by(rest, model_.blocks + 1), InputError);
  EXPECT_THROW(vit.followed_by(vit.resized(32, 32), 1), InputError);
}

TEST_F(VitTest, TheShareOfPrefixTokensIsWhatTheMapsLeaveOut) {
  const auto vit = load(file());
  const auto result = legrad_by_layer(vit, images_, {1, 2}, {.readout = Readout::kTokenMean});
  ASSERT_EQ(result.prefix_share.sizes(), (std::vector<int64_t>{2, 2, 2}));
  class Columns : public ForwardWatcher {
   public:
    BlockScore wants(int64_t) const override { return BlockScore::kTokenMean; }
    void on_gradient(const ScoreGradient& gradient) override {
      const auto columns = gradient.attention->gradient_rows(gradient.context_gradient)[0].relu().sum({1, 2});
      shares.push_back(columns.select(1, 0) / columns.sum(1));
    }
    std::vector<at::Tensor> shares;  // [L·K] of [B]
  } columns;
  vit.sweep(images_, Target{1, 2}, {&columns});
  EXPECT_LT(relative(result.prefix_share, at::stack(columns.shares).reshape({2, 2, 2}).transpose(1, 2)), 1e-10);
}

TEST_F(VitTest, WhatDoesNotFitIsSaid) {
  const auto vit = load(file());
  const auto says = [&](const std::function<void()>& call, const std::string& words) {
    const auto message = testing::message_of<InputError>(call);
    EXPECT_TRUE(testing::contains(message, words)) << message;
  };
  says([&] { legrad(vit, images_, {}); }, "no target");
  says([&] { legrad(vit, images_, {5}); }, "0 to 4");
  says([&] { legrad(vit, images_, at::randn({2, 4})); }, "expected width 5");
  says([&] { vit.forward(images_[0]); }, "[B, 3, 16, 16]");
  says([&] { vit.forward(at::zeros({1, 16, 16, 3}, at::kDouble)); }, "permute them to [B, 3, H, W]");
  says([&] { vit.forward(at::zeros({1, 3, 16, 20}, at::kDouble)); }, "[1, 3, 16, 20]");
  const Target wrong([](const at::Tensor& y) { return y.sum(); });
  says([&] { legrad(vit, images_, wrong); }, "[2, 5]");
}

/// Notes the largest block anyone asks the CPU allocator for.
class RecordingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    size_t seen = largest;
    while (bytes > seen && !largest.compare_exchange_weak(seen, bytes)) {
    }
    return inner->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return inner->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override { inner->copy_data(to, from, bytes); }
  c10::Allocator* inner = c10::GetCPUAllocator();
  std::atomic<size_t> largest = 0;
};

TEST(VitMemory, NoAttentionMapIsEverStored) {
  if (!testing::test_device().is_cpu()) GTEST_SKIP() << "chunks of maps are larger there than this model's maps";
  TinyVit model;
  model.image = 256;
  model.width = 64;
  model.heads = 1;
  model.dtype = c10::ScalarType::Float;
  model.fill(2);
  ASSERT_EQ(model.tokens(), 4097);
  const testing::TemporaryFolder folder;
  model.save(folder.path() / "vit.pt");
  const auto images = at::randn({1, 3, 256, 256});

  static RecordingAllocator recording;
  c10::SetCPUAllocator(&recording, /*priority=*/100);
  constexpr size_t kAllowed = 16 << 20;  // a map would take 67 MB
  const auto largest = [&](const std::function<void()>& work) {
    recording.largest = 0;
    work();
    return recording.largest.load();
  };
  std::optional<Vit> vit;
  EXPECT_LT(largest([&] { vit = load(folder.path() / "vit.pt"); }), kAllowed) << "loading";
  for (const auto readout : {Readout::kModel, Readout::kTokenMean}) {
    EXPECT_LT(largest([&] { legrad(*vit, images, {1}, {.readout = readout}); }), kAllowed) << "legrad";
  }
  const auto known = built_in_methods();
  for (auto spec : known.names()) {
    if (spec == "rollout") spec += "/discard_ratio=0.5";
    EXPECT_LT(largest([&] { explain(*vit, images, {1}, {known.get(spec)}); }), kAllowed) << spec;
  }
  EXPECT_LT(largest([&] { explain(*vit, images, {1, 2}, known.choose("all")); }), kAllowed) << "all at once";
  EXPECT_GT(largest([&] { vit->forward(images); }), size_t{1} << 20) << "nothing was recorded";
  c10::SetCPUAllocator(recording.inner, /*priority=*/100);
}

}  // namespace
}  // namespace legrad
