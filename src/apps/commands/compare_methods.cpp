#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>
#include <legrad/image/figure.h>
#include <legrad/methods/legrad.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/commands/compare.h"
#include "apps/output_files.h"
#include "apps/terminal.h"
#include "io/nearest_names.h"

namespace legrad::apps {
namespace {

namespace fs = std::filesystem;

/// As the paper writes them.
std::string title(const std::string& method) {
  static constexpr std::array<std::pair<const char*, const char*>, 6> kTitles = {{
      {"legrad", "LeGrad"},
      {"grad_cam", "GradCAM"},
      {"attention_cam", "AttentionCAM"},
      {"raw_attention", "Raw Attention"},
      {"rollout", "Rollout"},
      {"chefer_cam", "CheferCAM"},
  }};
  const auto found = std::ranges::find(kTitles, method, [](const auto& pair) { return std::string(pair.first); });
  return found == kTitles.end() ? method : found->second;
}

void check_file(const fs::path& file, const std::vector<std::string>& inputs) {
  constexpr std::array kExtensions = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"};
  if (std::ranges::find(kExtensions, io::lower_case(file.extension().string())) == kExtensions.end()) {
    throw InputError("--out '" + file.string() + "' is no picture's name; give one that ends with .png or .jpg");
  }
  std::error_code error;
  if (fs::is_directory(file, error)) throw InputError("--out '" + file.string() + "' is a folder; give a file's name");
  for (const std::string& input : inputs) {
    if (fs::equivalent(file, input, error)) {
      throw InputError("--out '" + file.string() + "' is one of the pictures; give another name");
    }
  }
}

/// One picture and target.
struct Compared {
  std::string picture;
  std::string target;
  double score = 0;
  std::vector<double> gradient_share;  // [L]
  std::vector<double> prefix_share;    // [L]
};

class Comparison {
 public:
  Comparison(const CompareOptions& options, const LoadedModel& model)
      : options_(options),
        model_(model),
        targets_(options.target, model.bundle, model.vit.structure()),
        correction_(chosen_correction(options.correction, options.target, model)) {
    methods_.columns = {"Input"};
    for (const std::string& method : options.method.methods) methods_.columns.push_back(title(method));
  }

  void add(const std::string& picture);
  at::Tensor figure() const;
  std::string text(const std::string& file) const;
  std::string json(const std::string& file) const;

 private:
  static constexpr int64_t kBlocksInARow = 12;

  at::Tensor heat_over(const at::Tensor& image, const at::Tensor& map) const {
    const at::Tensor heat = normalized(map.to(at::kCPU, at::kFloat));
    const at::Tensor seen = on_picture(heat, {image.size(0), image.size(1)}, model_.vit.structure().image->size,
                                       model_.bundle.preprocessing);
    return overlay(image, seen, colormap(options_.overlay.colormap), options_.overlay.alpha);
  }
  void add_layers(const at::Tensor& image, const at::Tensor& input, const ChosenTargets& chosen);

  const CompareOptions& options_;
  const LoadedModel& model_;
  TargetChooser targets_;
  std::optional<Correction> correction_;
  PictureGrid methods_;
  std::vector<PictureGrid> layers_;  // some blocks after others
  std::vector<Compared> compared_;
};

void Comparison::add(const std::string& picture) {
  at::Tensor image;
  {
    const QuietStderr quiet;
    image = read_image(picture);
  }
  const at::Tensor input = preprocess(image, model_.vit.structure().image->size, model_.bundle.preprocessing);
  const at::Tensor output = model_.vit.forward(input);
  const ChosenTargets chosen = targets_.choose(output);
  const at::Tensor scores = chosen.target.scores(output)[0];
  const std::vector<at::Tensor> maps = explain(model_.vit, input, chosen.target, options_.method, correction_);

  image = scaled_to(image, options_.cell);
  for (int64_t k = 0; k < scores.size(0); ++k) {
    const auto score = scores[k].item<double>();
    const std::string& name = chosen.names[0][static_cast<size_t>(k)];
    compared_.push_back({picture, name, score, {}});
    PictureGrid::Row row{name, score_text(score), {{image}}};
    for (const at::Tensor& map : maps) row.cells.push_back({heat_over(image, map[0][k])});
    methods_.rows.push_back(std::move(row));
  }
  if (options_.per_layer) add_layers(image, input, chosen);
}

void Comparison::add_layers(const at::Tensor& image, const at::Tensor& input, const ChosenTargets& chosen) {
  LegradResult result;
  {
    const QuietStderr quiet;
    result = legrad_by_layer(model_.vit, input, chosen.target, legrad_options(options_.method, model_.vit.structure()));
  }
  const int64_t blocks = result.layer_maps.size(0);
  const int64_t in_a_row = std::min(blocks, kBlocksInARow);
  // As wide as the methods above, but no picture larger than theirs.
  const auto columns = static_cast<int64_t>(methods_.columns.size());
  const at::Tensor small =
      scaled_to(image, std::min(options_.cell, columns * options_.cell / in_a_row - options_.cell / 28));
  for (int64_t k = 0; k < result.gradient_share.size(2); ++k) {
    auto& compared = compared_[compared_.size() - static_cast<size_t>(result.gradient_share.size(2) - k)];
    const double largest = result.gradient_share.select(1, 0).select(1, k).max().item<double>();
    for (int64_t block = 0; block < blocks; ++block) {
      const auto part = static_cast<size_t>(block / kBlocksInARow);
      if (layers_.size() <= part) layers_.resize(part + 1);
      auto& grid = layers_[part];
      if (part == 0) grid.title = "LeGrad by block, and each block's share of the positive gradient";
      if (static_cast<int64_t>(grid.columns.size()) <= block % kBlocksInARow)
        grid.columns.push_back("Block " + std::to_string(block));
      if (block % kBlocksInARow == 0) grid.rows.push_back({compared.target, score_text(compared.score), {}});
      const auto share = result.gradient_share[block][0][k].item<double>();
      compared.gradient_share.push_back(share);
      compared.prefix_share.push_back(result.prefix_share[block][0][k].item<double>());
      char caption[16];
      std::snprintf(caption, sizeof caption, "%.1f %%", 100 * share);
      grid.rows.back().cells.push_back(
          {heat_over(small, result.layer_maps[block][0][k]), caption, largest > 0 ? share / largest : 0});
    }
  }
}

at::Tensor Comparison::figure() const {
  std::vector<PictureGrid> grids = {methods_};
  grids.insert(grids.end(), layers_.begin(), layers_.end());
  return draw(grids);
}

std::string Comparison::text(const std::string& file) const {
  std::vector<std::vector<std::string>> rows = {{"picture", "target", "score", "file"}};
  for (const Compared& row : compared_) {
    rows.push_back({one_line(row.picture), one_line(row.target), score_text(row.score), one_line(file)});
  }
  return table(rows);
}

std::string Comparison::json(const std::string& file) const {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Compared& row : compared_) {
    auto& object = rows.emplace_back(
        nlohmann::ordered_json{{"picture", row.picture}, {"target", row.target}, {"score", row.score}});
    if (options_.per_layer) {
      object["gradient_share"] = row.gradient_share;
      object["prefix_share"] = row.prefix_share;
    }
  }
  const nlohmann::ordered_json whole = {
      {"model", model_.bundle.name}, {"file", file}, {"methods", options_.method.methods}, {"rows", rows}};
  // File names need not be UTF-8.
  return whole.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

void compare_methods(const CompareOptions& options) {
  const fs::path file = options.out;
  check_file(file, options.images);
  const OutputFiles folder(file.has_parent_path() ? file.parent_path() : fs::path("."), {});
  Bundle bundle = open_bundle(options.model);
  check_targets(options.target, bundle);
  for (const std::string& picture : options.images) {
    const QuietStderr quiet;
    read_image(picture);  // and again later: pictures are large, and reading one is quick beside explaining it
  }
  const LoadedModel model = load_model(options.model, std::move(bundle));
  check_channels(model.vit.structure());
  chosen_methods(options.method, model.vit.shared_structure());

  Comparison comparison(options, model);
  {
    Progress progress(options.images.size());
    for (const std::string& picture : options.images) {
      progress.step(picture);
      comparison.add(picture);
    }
  }
  folder.make_folder();
  write_image(file, comparison.figure());
  std::cout << (options.json ? comparison.json(file.string()) : comparison.text(file.string()));
  tell_guess(model.vit.structure());
}

}  // namespace legrad::apps
