#include "eval/metrics/co12.h"

#include <ATen/ATen.h>
#include <legrad/error.h>
#include <legrad/eval/parts.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "eval/metrics/co12_protocol.h"

namespace legrad::eval {
namespace {

using funnybirds::Answers;
using funnybirds::ByThreshold;
using funnybirds::Parts;
using funnybirds::Single;

/// A map [rows, columns] in a picture's size, as an explanation [1, H, W] of one channel: each pixel is given what is
/// at floor(i * rows / H), floor(j * columns / W).
at::Tensor enlarged(const at::Tensor& map, int64_t height, int64_t width) {
  const auto sources = [](int64_t from, int64_t to) { return at::arange(to, at::kLong).mul(from).div(to, "floor"); };
  return map.to(at::kCPU)
      .index_select(0, sources(map.size(0), height))
      .index_select(1, sources(map.size(1), width))
      .unsqueeze(0);
}

/// The method's map [rows, columns] for a class: one that is there, or made for it.
at::Tensor map_for(int64_t label, const Case& picture, const Maps& maps) {
  const auto question = std::ranges::find(picture.questions, label, &Question::index);
  if (question != picture.questions.end()) return maps.raw[question - picture.questions.begin()];
  return maps.of(picture.input, {label})[0];
}

// [n, C]; a picture that another method has asked about already is not run again.
at::Tensor scores_of(const std::vector<std::filesystem::path>& pictures, const Case& picture) {
  auto& known = *picture.known;
  std::vector<std::string> names;
  std::vector<at::Tensor> images;
  for (const auto& path : pictures) {
    if (!known.try_emplace(path.string()).second) continue;
    names.push_back(path.string());
    images.push_back(picture.read(path));
  }
  if (!images.empty()) {
    const at::Tensor scores = picture.run(at::cat(images)).to(at::kCPU, at::kDouble);
    for (size_t i = 0; i < names.size(); ++i) known[names[i]] = scores[static_cast<int64_t>(i)];
  }
  std::vector<at::Tensor> rows;
  rows.reserve(pictures.size());
  for (const auto& path : pictures) rows.push_back(known.at(path.string()));
  return at::stack(rows);
}

Answers answers_to(const Case& picture, const PartPictures& parts) {
  Answers answers = {.whole = picture.scores.to(at::kCPU, at::kDouble), .with_parts = {}, .without_background = {}};
  if (parts.with_parts.empty()) return answers;
  answers.with_parts = [&](const std::vector<Parts>& kept) {
    std::vector<std::filesystem::path> pictures;
    pictures.reserve(kept.size());
    for (const Parts some : kept) pictures.push_back(parts.with_parts.at(some));
    return scores_of(pictures, picture);
  };
  answers.without_background = [&] { return scores_of(parts.without_background, picture); };
  return answers;
}

void check(const Case& picture, const PartPictures& parts, int64_t classes) {
  const bool same_classes = static_cast<int64_t>(parts.table->variants.size()) == classes &&
                            picture.scores.numel() >= classes && picture.labels == std::vector{parts.label};
  if (!same_classes) {
    throw InputError("co12: the model's classes must be the data's, in the same order: class " +
                     std::to_string(parts.label) + " of the data is another one of the model's " +
                     std::to_string(picture.scores.numel()));
  }
  constexpr double kNear = 1e-3;  // of a corner
  if (!picture.pixel_of({kNear, kNear}) || !picture.pixel_of({1 - kNear, 1 - kNear})) {
    throw InputError("co12: the model's preprocessing crops '" + picture.sample->id +
                     "'; it must show the model the whole picture");
  }
}

std::vector<double> measure_co12(const Case& picture, const Maps& maps, int64_t classes) {
  if (!picture.sample->parts) return {};
  const PartPictures& parts = *picture.sample->parts;
  check(picture, parts, classes);
  const at::Tensor masks = funnybirds::grown(parts.masks);
  return funnybirds::measured(parts, answers_to(picture, parts), [&](int64_t label) {
    return funnybirds::importance(enlarged(map_for(label, picture, maps), masks.size(1), masks.size(2)), masks, parts);
  });
}

Score score(std::string name, std::string explains, ByThreshold protocol) {
  return {.name = std::move(name),
          .explains = std::move(explains),
          .value =
              [protocol](std::span<const double> sums) {
                return funnybirds::at_threshold(sums, protocol, funnybirds::best_threshold(sums));
              },
          .count = [protocol](std::span<const double> sums) { return funnybirds::count(sums, protocol); }};
}

Score score(std::string name, std::string explains, Single single) {
  return {.name = std::move(name),
          .explains = std::move(explains),
          .value = [single](std::span<const double> sums) { return funnybirds::mean(sums, single); },
          .count = [single](std::span<const double> sums) { return funnybirds::count(sums, single); }};
}

std::vector<Curve> curves(std::span<const double> sums) {
  const std::vector<std::pair<const char*, ByThreshold>> protocols = {
      {"csdc", ByThreshold::kCsdc},
      {"pc", ByThreshold::kPc},
      {"dc", ByThreshold::kDc},
      {"distractibility", ByThreshold::kDistractibility}};
  std::vector<Curve> all;
  for (const auto& [name, protocol] : protocols) {
    if (funnybirds::count(sums, protocol) == 0) continue;
    Curve& curve = all.emplace_back(Curve{.name = name, .x = {}, .y = {}});
    for (size_t j = 0; j < funnybirds::kThresholds; ++j) {
      curve.x.push_back(funnybirds::threshold(j));
      curve.y.push_back(funnybirds::at_threshold(sums, protocol, j));
    }
  }
  return all;
}

}  // namespace

Metric co12(int64_t classes) {
  Score independence = score("background_independence", "share of background objects that the score does without",
                             Single::kRelevantBackground);
  independence.value = [](std::span<const double> sums) {
    return 1 - funnybirds::mean(sums, Single::kRelevantBackground);
  };
  return {
      .name = "co12",
      .source = "Hesse, Schaub-Meyer, Roth 2023 (FunnyBirds, arXiv 2308.06248), section 4",
      .formula =
          "important parts E_t = {p : I(p) > t S}, I(p) the heat on part p, S that of the picture, held against "
          "the model's scores without parts",
      .needs = {.label = true, .parts = true, .runs = true, .maps = true},
      .scores = {score("csdc", "share of a sufficient set of parts that is important", ByThreshold::kCsdc),
                 score("pc", "share of predictions that the important parts alone keep", ByThreshold::kPc),
                 score("dc", "share of predictions that change without the important parts", ByThreshold::kDc),
                 score("distractibility", "share of irrelevant parts and objects that are not important",
                       ByThreshold::kDistractibility),
                 score("sd", "rank correlation of heat with the score's fall, from 0 to 1", Single::kSingleDeletion),
                 score("ts", "share of pairs in which a class's map lies more on its parts",
                       Single::kTargetSensitivity),
                 score("accuracy", "share of pictures whose best class is right", Single::kAccuracy),
                 std::move(independence)},
      .measure = [classes](const Case& picture, const Maps& maps) { return measure_co12(picture, maps, classes); },
      .curves = curves};
}

}  // namespace legrad::eval
