#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/eval/evaluation.h>
#include <legrad/heatmap.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "eval/case.h"
#include "eval/choose.h"
#include "eval/controls.h"
#include "eval/metrics/formulas.h"
#include "eval/numbers.h"
#include "image/per_channel.h"
#include "io/words.h"

namespace legrad::eval {
namespace {

constexpr const char* kShuffled = "shuffled";
constexpr const char* kOnShuffled = " on shuffled weights";

/// Whether a control of this name is asked for.
bool asked_for(const std::vector<std::string>& names, const std::string& control) {
  return std::ranges::find(names, control) != names.end() || std::ranges::find(names, "all") != names.end();
}

std::vector<std::string> chosen_controls(const std::string& list, const Knows& data) {
  std::vector<std::string> known = {kShuffled, "all", "none"};
  for (const Control& control : controls()) known.push_back(control.name);
  auto names = items_of(list);
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) == known.end()) {
      throw InputError("'" + name + "' is no control; known are " + io::joined(known));
    }
    if (name == "mask" && !data.masks)
      throw InputError("the control 'mask' needs masks, which the data set has none of");
  }
  return names;
}

std::string specs_of(const std::vector<ChosenMethod>& methods) {
  std::string specs;
  for (const ChosenMethod& method : methods) specs += (specs.empty() ? "" : ",") + method.spec;
  return specs;
}

/// The same model, its weights in another order, explained in the same ways. Correction by the empty prompt means
/// nothing to a model that knows no prompts.
Explainer shuffled(const Explainer& explainer, uint64_t seed) {
  const Structure& structure = explainer.vit().structure();
  LoadOptions load;
  load.input_size = structure.image->size;
  load.device = structure.device;
  load.dtype = structure.dtype;
  load.shuffled_weights = seed;
  return {explainer.bundle(),
          load_model(explainer.bundle(), load),
          {.methods = specs_of(explainer.methods()), .correction = {.off = true}}};
}

/// Explainers of models that are more and more `other`'s, from the readout down; the last one is `other` itself.
std::vector<Explainer> cascade(const Explainer& explainer, const Explainer& other) {
  std::vector<Explainer> steps;
  for (int64_t blocks = explainer.vit().structure().blocks; blocks >= 0; --blocks) {
    steps.emplace_back(explainer.bundle(), explainer.vit().followed_by(other.vit(), blocks),
                       ExplainerOptions{.methods = specs_of(explainer.methods()), .correction = {.off = true}});
  }
  steps.push_back(other);
  return steps;
}

/// A model's input [1, 3, H, W] as bytes [H, W, 3] again.
at::Tensor as_picture(const at::Tensor& input, const Preprocessing& preprocessing) {
  const at::Tensor pixels = input * image::per_channel(preprocessing.std) + image::per_channel(preprocessing.mean);
  return pixels[0].clamp(0, 1).mul(255).round().to(at::kByte).permute({1, 2, 0}).contiguous();
}

bool explains_by_legrad(const Explainer& explainer) {
  return std::ranges::find(explainer.methods(), "legrad", &ChosenMethod::name) != explainer.methods().end();
}

/// Whether a metric says something of a subject. One that explains other images says nothing of maps that do not look
/// at them.
bool fits(const Metric& metric, bool explains, const Maps& maps) {
  if (metric.needs.randomised) return static_cast<bool>(maps.randomised);
  return explains || !metric.needs.maps || metric.needs.parts;
}

/// Parts are those of classes, so the model's must be the data's, in their order.
void expect_same_classes(const Classes& classes, const std::vector<std::string>& of_data) {
  bool same = classes.count() == static_cast<int64_t>(of_data.size());
  for (size_t i = 0; i < of_data.size(); ++i) same = same && classes.find(of_data[i]) == static_cast<int64_t>(i);
  if (same) return;
  throw InputError("co12: the model's " + std::to_string(classes.count()) + " classes must be the data's " +
                   std::to_string(of_data.size()) + ", in the same order; give another model or other metrics");
}

std::vector<int64_t> classes_asked(const Case& seen) {
  std::vector<int64_t> classes;
  for (const Question& question : seen.questions) classes.push_back(question.index);
  return classes;
}

}  // namespace

struct Evaluation::State {
  Explainer explainer;
  std::optional<Explainer> shuffled{};
  Classes classes;
  std::vector<Control> controls{};
  std::vector<Subject> subjects{};
  ChosenMetrics chosen{};
  std::vector<std::string> unknown{};
  uint64_t seed = 0;
  bool per_layer = false;
  // One explainer for each method, for metrics that explain again.
  std::vector<Explainer> single{};
  // Of models whose weights are shuffled, more and more of them, for metrics that ask about those.
  std::vector<Explainer> cascade{};

  std::vector<at::Tensor> maps_of(const Explainer& by, const at::Tensor& image,
                                  const std::vector<int64_t>& asked) const {
    const auto count = static_cast<int64_t>(asked.size());
    std::vector<at::Tensor> maps;
    for (const at::Tensor& map : by.explain(image, classes.targets(by, asked)).maps) {
      maps.push_back(map[0].to(at::kCPU, at::kFloat).expand({count, -1, -1}).contiguous());
    }
    return maps;
  }

  Maps of_method(const Case& seen, const at::Tensor& raw, size_t method) const {
    Maps maps = shown(seen, raw, explainer.methods()[method].looks_at_target);
    const Explainer& by = single[method];
    maps.of = [this, &by](const at::Tensor& image, const std::vector<int64_t>& asked) {
      return maps_of(by, image, asked)[0];
    };
    return maps;
  }

  /// For each method its maps by the models of the cascade, explained for all methods at once when first asked for.
  std::function<const std::vector<std::vector<at::Tensor>>&()> randomised_maps(const Case& seen) const {
    const auto maps = std::make_shared<std::vector<std::vector<at::Tensor>>>();
    return [this, &seen, maps]() -> const std::vector<std::vector<at::Tensor>>& {
      if (!maps->empty()) return *maps;
      maps->resize(explainer.methods().size());
      const int64_t asked = seen.questions[static_cast<size_t>(seen.predicted)].index;
      for (const Explainer& step : cascade) {
        const auto of_step = maps_of(step, seen.input, {asked});
        for (size_t i = 0; i < of_step.size(); ++i) (*maps)[i].push_back(of_step[i][0]);
      }
      return *maps;
    };
  }

  static Maps shown(const Case& seen, const at::Tensor& raw, bool looks_at_target) {
    // In double: the last digits of float depend on the number of threads, and they say which of two pixels is hotter.
    const at::Tensor heat = resized(raw.to(at::kDouble), {seen.input.size(2), seen.input.size(3)});
    return {raw, heat.to(at::kFloat), looks_at_target, {}};
  }

  Layers layers_of(const Case& seen) const {
    const Question& asked = seen.questions[static_cast<size_t>(seen.label.value_or(seen.predicted))];
    const LegradResult found = explainer.by_layer(seen.input, classes.targets(explainer, {asked.index}).fixed());
    return {asked.name, numbers(found.gradient_share), numbers(found.prefix_share)};
  }

  /// The picture, made small, as the hottest pixels go, and whether it is still what was asked for.
  std::vector<std::pair<at::Tensor, bool>> strip(const Case& seen, const at::Tensor& heat,
                                                 const Question& asked) const {
    constexpr int64_t kSide = 96;  // at least
    const at::Tensor images = without_hottest(seen.input, heat, seen.zero);
    const at::Tensor best = seen.run(images).argmax(1);
    const int64_t every = std::max<int64_t>(1, std::min(images.size(2), images.size(3)) / kSide);
    const at::Tensor small = at::avg_pool2d(images, {every, every});
    std::vector<std::pair<at::Tensor, bool>> steps;
    for (int64_t i = 0; i < small.size(0); ++i) {
      steps.emplace_back(as_picture(small.narrow(0, i, 1), explainer.bundle().preprocessing),
                         best[i].item<int64_t>() == asked.index);
    }
    return steps;
  }

  /// The maps of every subject, in their order.
  std::vector<Maps> all_maps(const Case& seen) const {
    const auto asked = classes_asked(seen);
    std::vector<Maps> all;
    const auto raw = maps_of(explainer, seen.input, asked);
    const auto randomised = randomised_maps(seen);
    for (size_t i = 0; i < raw.size(); ++i) {
      all.push_back(of_method(seen, raw[i], i));
      if (!cascade.empty()) all.back().randomised = [randomised, i] { return randomised().at(i); };
    }
    const PatchGrid grid = explainer.vit().structure().image->grid;
    for (const Control& control : controls) {
      Maps& maps = all.emplace_back(shown(seen, control.maps(seen, grid, asked), control.looks_at_target));
      maps.of = [&control, &seen, grid](const at::Tensor& /*image*/, const std::vector<int64_t>& some) {
        return control.maps(seen, grid, some);
      };
      // It looks at no model, whatever becomes of its weights.
      maps.randomised = [this, map = maps.raw[seen.predicted]] { return std::vector(cascade.size(), map); };
    }
    if (!shuffled) return all;
    const auto other = maps_of(*shuffled, seen.input, asked);
    for (size_t i = 0; i < other.size(); ++i) {
      Maps& maps = all.emplace_back(shown(seen, other[i], shuffled->methods()[i].looks_at_target));
      maps.of = [this, i](const at::Tensor& image, const std::vector<int64_t>& some) {
        return maps_of(*shuffled, image, some)[i];
      };
    }
    return all;
  }
};

Evaluation::Evaluation(Explainer explainer, const DataSet& data, const EvaluationOptions& options) {
  const Knows knows = data.knows();
  Classes classes(explainer, options.words);
  state_.reset(new State{std::move(explainer), {}, std::move(classes)});
  State& state = *state_;
  state.seed = options.seed;
  state.per_layer = options.per_layer;
  if (options.per_layer && !explains_by_legrad(state.explainer)) {
    throw InputError("what LeGrad sees in every block was asked for, and it is not among the methods; add legrad");
  }
  state.chosen = choose_metrics(options.metrics, built_in_metrics(state.classes.count()), knows);
  if (std::ranges::any_of(state.chosen.metrics, [](const Metric& m) { return m.needs.parts; })) {
    expect_same_classes(state.classes, data.classes());
  }
  const auto wanted = chosen_controls(options.controls, knows);

  for (const std::string& name : data.classes()) {
    if (!state.classes.find(name)) state.unknown.push_back(name);
  }
  if (!data.classes().empty() && state.unknown.size() == data.classes().size()) {
    throw InputError("the model knows none of the data's classes ('" + data.classes().front() +
                     "', ...); give a label map from the data's names to the model's ('" + state.classes.name(0) +
                     "', ...)");
  }
  for (size_t i = 0; i < state.explainer.methods().size(); ++i) {
    state.subjects.push_back({state.explainer.methods()[i].spec, false});
    state.single.push_back(state.explainer.only(i));
  }
  for (const Control& control : controls()) {
    if (!asked_for(wanted, control.name) || (control.needs_masks && !knows.masks)) continue;
    state.controls.push_back(control);
    state.subjects.push_back({control.name, true});
  }
  const bool cascades = std::ranges::any_of(state.chosen.metrics, [](const Metric& m) { return m.needs.randomised; });
  const bool controlled = asked_for(wanted, kShuffled);
  if (!cascades && !controlled) return;
  auto other = eval::shuffled(state.explainer, options.seed);
  if (cascades) state.cascade = eval::cascade(state.explainer, other);
  if (!controlled) return;
  state.shuffled = std::move(other);
  for (const ChosenMethod& method : state.explainer.methods()) {
    state.subjects.push_back({method.spec + kOnShuffled, true});
  }
}

Evaluation::~Evaluation() = default;

const std::vector<Subject>& Evaluation::subjects() const { return state_->subjects; }
const std::vector<Metric>& Evaluation::metrics() const { return state_->chosen.metrics; }
const std::vector<std::string>& Evaluation::scores() const { return state_->chosen.scores; }
uint64_t Evaluation::seed() const { return state_->seed; }
bool Evaluation::per_layer() const { return state_->per_layer; }
const Explainer& Evaluation::explainer() const { return state_->explainer; }
const Classes& Evaluation::classes() const { return state_->classes; }
const std::vector<std::string>& Evaluation::unknown_classes() const { return state_->unknown; }

Counted Evaluation::count(const Sample& sample, const at::Tensor& picture) const {
  CaseMaker maker(state_->explainer, state_->classes, state_->seed);
  const Case seen = maker.make(sample, picture);
  Counted counted{sample.id, {}, {}};
  const auto maps = state_->all_maps(seen);
  const size_t methods = state_->explainer.methods().size();
  for (size_t i = 0; i < maps.size(); ++i) {
    auto& of_subject = counted.counts.emplace_back();
    const bool explains = i < methods || i >= methods + state_->controls.size();
    for (const Metric& metric : state_->chosen.metrics) {
      const bool says = fits(metric, explains, maps[i]);
      of_subject.push_back(says ? metric.measure(seen, maps[i]) : std::vector<double>{});
    }
  }
  if (state_->per_layer) counted.layers = state_->layers_of(seen);
  return counted;
}

GalleryPicture Evaluation::show(const Sample& sample, const at::Tensor& picture) const {
  CaseMaker maker(state_->explainer, state_->classes, state_->seed);
  const Case seen = maker.make(sample, picture);
  const auto region = std::ranges::find_if(seen.questions, [](const Question& asked) { return asked.mask.defined(); });
  const int64_t k =
      region != seen.questions.end() ? region - seen.questions.begin() : seen.label.value_or(seen.predicted);
  const Question& asked = seen.questions[static_cast<size_t>(k)];

  GalleryPicture shown{sample.id, asked.name, as_picture(seen.input, state_->explainer.bundle().preprocessing),
                       {},        {},         {}};
  const auto maps = state_->all_maps(seen);
  const bool strips = std::ranges::find(metrics(), "perturbation", &Metric::name) != metrics().end();
  for (size_t i = 0; i < maps.size(); ++i) {
    const Subject& subject = state_->subjects[i];
    shown.maps.emplace_back(subject.name, normalized(maps[i].heat[k]));
    if (strips && !subject.control) shown.strips.push_back({subject.name, state_->strip(seen, maps[i].heat[k], asked)});
  }
  if (!explains_by_legrad(state_->explainer)) return shown;
  const Target target = state_->classes.targets(state_->explainer, {asked.index}).fixed();
  const at::Tensor layers = state_->explainer.by_layer(seen.input, target).layer_maps;  // [L, 1, 1, rows, columns]
  for (const at::Tensor& layer : layers.unbind()) {
    shown.layers.push_back(
        normalized(resized(layer[0][0].to(at::kCPU, at::kFloat), {seen.input.size(2), seen.input.size(3)})));
  }
  return shown;
}

}  // namespace legrad::eval
