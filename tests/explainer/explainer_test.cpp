#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/npy.h>

#include <limits>
#include <optional>

#include "support/forward_passes.h"
#include "support/message_of.h"
#include "support/temporary_folder.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

using testing::contains;
using testing::forward_passes;
using testing::message_of;
using testing::TinyVit;

constexpr const char* kBackwardOnly = "grad_cam,chefer_cam,rollout";

Reason reason_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.reason();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Reason::kUnspecified;
}

/// A small model, loaded once for all tests.
struct Tiny {
  Tiny() {
    at::manual_seed(21);
    model.fill(21);
    bundle.name = "tiny";
    bundle.vision = folder / "model.pt";
    bundle.labels = {"ant", "bee", "cat", "dog", "eel"};
    model.save(bundle.vision);
    vit = load_model(bundle);
    images = at::randn({3, 3, model.image, model.image}, at::kDouble);
  }

  testing::TemporaryFolder folder;
  TinyVit model;
  Bundle bundle;
  std::optional<Vit> vit;
  at::Tensor images;  // [3, 3, H, W]
};

class ExplainerTest : public ::testing::Test {
 protected:
  static const Tiny& tiny() {
    static const Tiny tiny;
    return tiny;
  }

  Explainer explainer(const ExplainerOptions& options = {}) const { return {bundle_, vit_, options}; }

  static at::Tensor embeddings(int64_t count) { return at::randn({count, tiny().model.classes}, at::kDouble); }

  Bundle bundle_ = tiny().bundle;
  const Vit& vit_ = *tiny().vit;
  const at::Tensor& images_ = tiny().images;
};

TEST_F(ExplainerTest, FindsClassesByNameAndIndex) {
  const auto explainer = this->explainer({.methods = "legrad,rollout"});
  const Seen seen = explainer.explain(images_, TargetChoice{.classes = {"Bee", "3", "-1"}});
  const at::Tensor output = vit_.forward(images_);
  EXPECT_TRUE(at::allclose(seen.output, output));
  EXPECT_TRUE(at::allclose(seen.scores, output.index_select(1, at::tensor({1, 3, 4}))));
  EXPECT_EQ(seen.names, std::vector(3, std::vector<std::string>{"bee", "dog", "eel"}));
  ASSERT_EQ(seen.maps.size(), 2);
  EXPECT_TRUE(at::equal(seen.maps[0], legrad(vit_, images_, {1, 3, 4})));
  EXPECT_TRUE(at::equal(seen.maps[1], rollout(vit_, images_, {1, 3, 4})));
}

TEST_F(ExplainerTest, FindsTheBestPredictionsOfEachImage) {
  for (const char* methods : {"legrad", kBackwardOnly}) {
    SCOPED_TRACE(methods);
    const auto explainer = this->explainer({.methods = methods});
    const Seen seen = explainer.explain(images_, TargetChoice{.top = 2});
    const auto [scores, classes] = vit_.forward(images_).topk(2);
    EXPECT_TRUE(at::allclose(seen.scores, scores));
    const auto expected = legrad::explain(vit_, images_, classes, built_in_methods().choose(methods)).maps;
    ASSERT_EQ(seen.maps.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::equal(seen.maps[i], expected[i]));
    for (int64_t image = 0; image < 3; ++image) {
      for (int64_t k = 0; k < 2; ++k) {
        EXPECT_EQ(seen.names[static_cast<size_t>(image)][static_cast<size_t>(k)],
                  bundle_.labels[static_cast<size_t>(classes[image][k].item<int64_t>())]);
      }
    }
  }
  const Seen best = explainer().explain(images_);
  EXPECT_TRUE(at::allclose(best.scores, std::get<0>(best.output.max(1, true))));
}

TEST_F(ExplainerTest, RunsTheImagesOnceUnlessAMethodMustKnowThePredictionBefore) {
  const auto passes = [&](const std::string& methods, const TargetChoice& choice) {
    const auto explainer = this->explainer({.methods = methods});
    return forward_passes([&] { explainer.explain(images_, choice); });
  };
  ASSERT_EQ(forward_passes([&] { (void)vit_.forward(images_); }), 1);
  EXPECT_EQ(passes("paper", {.classes = {"bee"}}), 1);
  EXPECT_EQ(passes("paper", {.embeddings = embeddings(2)}), 1);
  EXPECT_EQ(passes(kBackwardOnly, {.top = 2}), 1);
  EXPECT_EQ(passes("raw_attention", {}), 1);
  EXPECT_EQ(passes("legrad", {.top = 2}), 2);
}

TEST_F(ExplainerTest, AsksOnceForATargetThatTheOutputChooses) {
  int asked = 0;
  const auto choice = Target::chosen_by([&](const at::Tensor& output) {
    ++asked;
    return Target(output.argmin(1, true));
  });
  const at::Tensor least = vit_.forward(images_).argmin(1, true);
  EXPECT_TRUE(choice.to_be_chosen());
  EXPECT_TRUE(joined({1}, choice).to_be_chosen());
  EXPECT_FALSE(Target({1}).to_be_chosen());
  for (const char* methods : {"legrad,chefer_cam", kBackwardOnly, "raw_attention"}) {
    SCOPED_TRACE(methods);
    asked = 0;
    const auto chosen = built_in_methods().choose(methods);
    const auto maps = explain(vit_, images_, joined({1}, choice), chosen).maps;
    EXPECT_EQ(asked, 1);
    const auto expected = explain(vit_, images_, joined({1}, least), chosen).maps;
    for (size_t i = 0; i < maps.size(); ++i) EXPECT_TRUE(at::equal(maps[i], expected[i]));
  }
  EXPECT_TRUE(at::equal(choice.scores(vit_.forward(images_)), Target(least).scores(vit_.forward(images_))));
}

TEST_F(ExplainerTest, ComparesWithEmbeddings) {
  const auto explainer = this->explainer();
  const at::Tensor vectors = embeddings(2);
  const Seen seen = explainer.explain(images_, TargetChoice{.embeddings = vectors, .names = {"a cat", "a dog"}});
  EXPECT_EQ(seen.names[2], (std::vector<std::string>{"a cat", "a dog"}));
  EXPECT_TRUE(at::allclose(seen.scores, at::cosine_similarity(seen.output.unsqueeze(1), vectors.unsqueeze(0), -1)));
  EXPECT_TRUE(at::equal(seen.maps[0], legrad(vit_, images_, vectors)));
  const Seen one = explainer.explain(images_, TargetChoice{.embeddings = vectors[0], .similarity = Similarity::kDot});
  EXPECT_EQ(one.names[0], std::vector<std::string>{"embedding 0"});
  EXPECT_TRUE(at::allclose(one.scores.squeeze(1), seen.output.mv(vectors[0])));
}

TEST_F(ExplainerTest, RefusesTargetsThatDoNotFit) {
  const auto explainer = this->explainer();
  const auto refusal = [&](const TargetChoice& choice) {
    return message_of<InputError>([&] { (void)explainer.targets(choice); });
  };
  EXPECT_TRUE(contains(refusal({.classes = {"bea"}}), "'bee'"));
  EXPECT_TRUE(contains(refusal({.classes = {"5"}}), "out of range"));
  EXPECT_TRUE(contains(refusal({.top = 6}), "the best 6"));
  EXPECT_TRUE(contains(refusal({.top = -1}), "at least 1"));
  EXPECT_TRUE(contains(refusal({.classes = {"bee"}, .top = 1}), "one kind"));
  EXPECT_TRUE(contains(refusal({.top = 1, .embeddings = embeddings(1)}), "one kind"));
  EXPECT_TRUE(contains(refusal({.embeddings = at::rand({6})}), "[5] or [K, 5]"));
  EXPECT_TRUE(contains(refusal({.embeddings = at::rand({1, 1, 5})}), "[1, 1, 5]"));
  EXPECT_TRUE(contains(refusal({.embeddings = at::rand({0, 5})}), "[0, 5]"));
  EXPECT_TRUE(contains(refusal({.embeddings = at::ones({5}, at::kLong)}), "floating-point"));
  EXPECT_TRUE(contains(refusal({.embeddings = at::full({5}, std::numeric_limits<double>::quiet_NaN())}), "NaN"));
  EXPECT_TRUE(contains(refusal({.embeddings = embeddings(2), .names = {"one"}}), "1 names for 2"));
}

TEST_F(ExplainerTest, NeedsATargetForAnEmbedding) {
  bundle_.labels.clear();
  bundle_.kind = "clip";
  const auto explainer = this->explainer();
  EXPECT_EQ(reason_of([&] { (void)explainer.explain(images_); }), Reason::kTargetNeeded);
  EXPECT_EQ(reason_of([&] { TargetChoice{.top = 2}.check(bundle_); }), Reason::kTargetNeeded);
  EXPECT_EQ(explainer.explain(images_, TargetChoice{.classes = {"2"}}).names[0][0], "class 2");
}

TEST_F(ExplainerTest, CorrectsTheMapsOfASiglip) {
  const at::Tensor empty = embeddings(1);
  const TargetChoice choice{.embeddings = embeddings(2), .similarity = Similarity::kDot};
  const Target target(choice.embeddings, Similarity::kDot);
  const auto methods = built_in_methods().choose("legrad,chefer_cam");
  const auto same = [&](const ExplainerOptions& options, const std::vector<at::Tensor>& expected) {
    const auto maps = explainer(options).explain(images_, choice).maps;
    return maps.size() == 2 && at::equal(maps[0], expected[0]) && at::equal(maps[1], expected[1]);
  };
  const auto corrected = [&](double threshold) {
    return explain(vit_, images_, target, methods, Correction{Target(empty, Similarity::kDot), threshold}).maps;
  };
  const auto plain = explain(vit_, images_, target, methods).maps;
  ASSERT_FALSE(at::equal(plain[0], corrected(0.8)[0]));
  ASSERT_FALSE(at::equal(corrected(0.5)[0], corrected(0.8)[0]));

  EXPECT_TRUE(same({.methods = "legrad,chefer_cam"}, plain));
  EXPECT_TRUE(same({.methods = "legrad,chefer_cam", .correction = {.empty_embedding = empty[0]}}, corrected(0.8)));
  bundle_.kind = "siglip";
  EXPECT_EQ(reason_of([&] { (void)explainer(); }), Reason::kEmptyPromptNeeded);
  EXPECT_TRUE(same({.methods = "legrad,chefer_cam", .correction = {.off = true}}, plain));
  const testing::TemporaryFolder folder;
  bundle_.empty_embedding = folder / "empty.npy";
  write_npy(bundle_.empty_embedding, empty);
  EXPECT_TRUE(same({.methods = "legrad,chefer_cam"}, corrected(0.8)));
  EXPECT_TRUE(same({.methods = "legrad,chefer_cam", .correction = {.threshold = 0.5}}, corrected(0.5)));

  const auto refusal = [&](const CorrectionChoice& correction) {
    return message_of<InputError>([&] { (void)explainer({.correction = correction}); });
  };
  EXPECT_TRUE(contains(refusal({.threshold = 2}), "[0, 1]"));
  EXPECT_TRUE(contains(refusal({.empty_embedding = embeddings(2)}), "must hold one embedding"));
  EXPECT_TRUE(contains(refusal({.empty_embedding = at::rand({6})}), "the empty prompt's embedding"));
}

/// A method of somebody else's whose maps are not finite.
class NotFiniteRun : public MethodRun {
 public:
  explicit NotFiniteRun(std::shared_ptr<const Structure> structure) : structure_(std::move(structure)) {}
  at::Tensor maps() const override {
    return at::full({3, 1, structure_->image->grid.rows, structure_->image->grid.columns},
                    std::numeric_limits<float>::infinity());
  }

 private:
  std::shared_ptr<const Structure> structure_;
};

TEST_F(ExplainerTest, RefusesWhatIsNotFinite) {
  const auto rollouts = explainer({.methods = "rollout"});
  const at::Tensor infinite = at::full_like(images_, std::numeric_limits<double>::infinity());
  EXPECT_EQ(reason_of([&] { (void)rollouts.explain(infinite, TargetChoice{.classes = {"ant"}}); }), Reason::kNotFinite);
  EXPECT_EQ(reason_of([&] { (void)rollouts.explain(infinite); }), Reason::kNotFinite);

  ExplainerOptions options{.methods = "rollout,not_finite"};
  MethodRow row;
  row.name = "not_finite";
  row.make = [](const OptionValues&) -> Method {
    return
        [](std::shared_ptr<const Structure> structure) { return std::make_unique<NotFiniteRun>(std::move(structure)); };
  };
  options.known.add(row);
  const auto both = explainer(options);
  EXPECT_EQ(reason_of([&] { (void)both.explain(images_); }), Reason::kNotFinite);
}

TEST_F(ExplainerTest, SeesBlocksAsTheFirstLegradOfItsMethods) {
  const auto shares = [&](const std::string& methods) {
    return explainer({.methods = methods}).by_layer(images_, {2}).gradient_share;
  };
  const auto expected = [&](const LegradOptions& options) {
    return legrad_by_layer(vit_, images_, {2}, options).gradient_share;
  };
  EXPECT_TRUE(at::equal(shares("rollout"), expected({})));
  const auto mean = expected({.readout = Readout::kTokenMean});
  EXPECT_TRUE(at::equal(shares("rollout,legrad/readout=token_mean/layers=-1/layer_weights=2,legrad"), mean));
  EXPECT_FALSE(at::equal(mean, expected({})));
}

TEST_F(ExplainerTest, LoadsForTheSizeAskedForElseTheManifests) {
  EXPECT_EQ(load_model(bundle_).structure().image->size, (ImageSize{16, 16}));
  bundle_.preprocessing.size = ImageSize{24, 12};
  EXPECT_EQ(load_model(bundle_).structure().image->size, (ImageSize{24, 12}));
  const LoadOptions asked{.input_size = ImageSize{8, 16}};
  EXPECT_EQ(Explainer::load(bundle_, {}, asked).vit().structure().image->size, (ImageSize{8, 16}));
}

TEST_F(ExplainerTest, LoadsInTheTypeAskedForElseTheManifests) {
  EXPECT_EQ(load_model(bundle_).structure().dtype, at::kDouble) << "as its weights are";
  bundle_.dtype = at::kFloat;
  EXPECT_EQ(load_model(bundle_).structure().dtype, at::kFloat);
  EXPECT_EQ(load_model(bundle_, {.dtype = at::kBFloat16}).structure().dtype, at::kBFloat16);
}

TEST_F(ExplainerTest, ExplainsAnArchiveOfHalfPrecisionAsItsTwinInFull) {
  TinyVit half{.dtype = at::kHalf};
  half.fill(4);
  TinyVit twin = half;  // the same numbers, written as float32
  for (auto& [name, weight] : twin.weights) weight = weight.to(at::kFloat);
  const testing::TemporaryFolder folder;
  half.save(folder / "half.pt");
  twin.save(folder / "twin.pt");
  folder.write("manifest.json", R"({"schema_version": 1, "vision": "half.pt", "dtype": "float32"})");

  const auto in_full = Explainer::load(folder.path());
  EXPECT_EQ(in_full.vit().structure().dtype, at::kFloat);
  const TargetChoice choice{.classes = {"1", "3"}};
  const Seen seen = in_full.explain(images_, choice);
  const Seen expected = Explainer::load(folder / "twin.pt").explain(images_, choice);
  EXPECT_TRUE(at::equal(seen.output, expected.output));
  EXPECT_TRUE(at::equal(seen.maps[0], expected.maps[0]));
  EXPECT_EQ(Explainer::load(folder / "half.pt").vit().structure().dtype, at::kHalf);
}

TEST_F(ExplainerTest, RefusesWhatDoesNotFitTheModel) {
  EXPECT_TRUE(contains(message_of<InputError>([&] { (void)explainer({.methods = "rolout"}); }), "rollout"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { (void)explainer({.methods = "legrad/layers=9"}); }), "layers"));
  bundle_.labels.pop_back();
  EXPECT_TRUE(contains(message_of<ModelError>([&] { (void)explainer(); }), "4 labels"));
  EXPECT_TRUE(contains(message_of<ModelError>([&] { Explainer::load(bundle_); }), "4 labels"));
}

}  // namespace
}  // namespace legrad
