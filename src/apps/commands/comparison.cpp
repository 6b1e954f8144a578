#include "apps/commands/comparison.h"

#include <legrad/image.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/terminal.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

constexpr int64_t kBlocksInARow = 12;

}  // namespace

Comparison::Comparison(const CompareOptions& options, const Setup& setup) : options_(options), setup_(setup) {
  methods_.columns = headings(setup.explainer().methods());
  methods_.columns.insert(methods_.columns.begin(), "Input");
}

void Comparison::add(const std::string& file, const at::Tensor& picture) {
  const at::Tensor input = preprocess(picture, setup_.explainer());
  const Seen seen = setup_.explain(input);
  const at::Tensor shown = scaled_to(picture, options_.cell);
  add_methods(file, shown, seen);
  if (options_.per_layer) add_layers(shown, setup_.by_layer(input, seen.target));
}

at::Tensor Comparison::drawn(const at::Tensor& picture, const at::Tensor& map) const {
  const at::Tensor heat = heat_over(picture, map, setup_.explainer());
  return overlay(picture, heat, style(options_.overlay));
}

void Comparison::add_methods(const std::string& file, const at::Tensor& picture, const Seen& seen) {
  for (int64_t k = 0; k < seen.scores.size(1); ++k) {
    const auto score = seen.scores[0][k].item<double>();
    const std::string& name = seen.names[0][static_cast<size_t>(k)];
    compared_.push_back({file, name, score, {}, {}});
    PictureGrid::Row row{name, score_text(score), {{picture}}};
    for (const at::Tensor& map : seen.maps) row.cells.push_back({drawn(picture, map[0][k])});
    methods_.rows.push_back(std::move(row));
  }
}

void Comparison::add_layers(const at::Tensor& picture, const LegradResult& result) {
  const int64_t blocks = result.layer_maps.size(0);
  const auto parts = static_cast<size_t>((blocks + kBlocksInARow - 1) / kBlocksInARow);
  layers_.resize(parts);
  layers_[0].title = "LeGrad by block, and each block's share of the positive gradient";
  // As wide as the methods above, but no picture larger than theirs.
  const auto columns = static_cast<int64_t>(methods_.columns.size());
  const int64_t side = columns * options_.cell / std::min(blocks, kBlocksInARow) - options_.cell / 28;
  const at::Tensor small = scaled_to(picture, std::min(options_.cell, side));
  const int64_t targets = result.gradient_share.size(2);
  for (int64_t k = 0; k < targets; ++k) {
    Compared& compared = compared_[compared_.size() - static_cast<size_t>(targets - k)];
    const at::Tensor shares = result.gradient_share.select(1, 0).select(1, k);  // [L]
    const double largest = shares.max().item<double>();
    for (PictureGrid& part : layers_) part.rows.push_back({compared.target, score_text(compared.score), {}});
    for (int64_t block = 0; block < blocks; ++block) {
      PictureGrid& part = layers_[static_cast<size_t>(block / kBlocksInARow)];
      const auto column = static_cast<size_t>(block % kBlocksInARow);
      if (part.columns.size() <= column) part.columns.push_back("Block " + std::to_string(block));
      const auto share = shares[block].item<double>();
      compared.gradient_share.push_back(share);
      compared.prefix_share.push_back(result.prefix_share[block][0][k].item<double>());
      part.rows.back().cells.push_back(
          {drawn(small, result.layer_maps[block][0][k]), percent(share), largest > 0 ? share / largest : 0});
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
    rows.push_back({io::one_line(row.picture), io::one_line(row.target), score_text(row.score), io::one_line(file)});
  }
  return table(rows);
}

std::string Comparison::json(const std::string& file) const {
  std::vector<std::string> methods;
  for (const ChosenMethod& chosen : setup_.explainer().methods()) methods.push_back(chosen.spec);
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
      {"model", setup_.explainer().bundle().name}, {"file", file}, {"methods", methods}, {"rows", rows}};
  // File names need not be UTF-8.
  return whole.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace legrad::apps
