#include <legrad/error.h>
#include <legrad/eval/table.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "eval/bootstrap.h"
#include "eval/layer_sums.h"
#include "eval/picture_log.h"

namespace legrad::eval {
namespace {

constexpr int64_t kDraws = 1000;
constexpr size_t kGroups = 1000;
constexpr size_t kNumbersKept = size_t{1} << 25;  // 256 MiB
constexpr size_t kLeftOutTold = 100;

/// Where the counts of each subject and metric lie in one long row of numbers.
class Layout {
 public:
  explicit Layout(size_t subjects, size_t metrics) : metrics_(metrics), widths_(metrics), subjects_(subjects) {}

  /// A metric's width is known from the first picture that it says something about.
  void see(const Counted& counted) {
    for (const auto& row : counted.counts) {
      for (size_t m = 0; m < metrics_; ++m) widths_[m] = std::max(widths_[m], row.at(m).size());
    }
  }

  size_t width() const { return subjects_ * std::accumulate(widths_.begin(), widths_.end(), size_t{0}); }

  std::span<const double> part(std::span<const double> all, size_t subject, size_t metric) const {
    const auto before =
        std::accumulate(widths_.begin(), widths_.begin() + static_cast<std::ptrdiff_t>(metric), size_t{0});
    return all.subspan(subject * (width() / subjects_) + before, widths_[metric]);
  }

  std::vector<double> joined(const Counted& counted) const {
    std::vector<double> all;
    all.reserve(width());
    for (const auto& row : counted.counts) {
      for (size_t m = 0; m < metrics_; ++m) {
        all.insert(all.end(), row[m].begin(), row[m].end());
        all.insert(all.end(), widths_[m] - row[m].size(), 0.0);
      }
    }
    return all;
  }

 private:
  size_t metrics_;
  std::vector<size_t> widths_;
  size_t subjects_;
};

/// A score of a metric that was asked for.
struct Asked {
  size_t metric;
  const Score* score;
};

std::vector<Asked> asked_of(const Evaluation& evaluation) {
  std::vector<Asked> asked;
  for (const std::string& name : evaluation.scores()) {
    for (size_t m = 0; m < evaluation.metrics().size(); ++m) {
      for (const Score& score : evaluation.metrics()[m].scores) {
        if (score.name == name) asked.push_back({m, &score});
      }
    }
  }
  return asked;
}

/// The values of one score in every draw, [subject][draw].
using Draws = std::vector<std::vector<double>>;

double value_of(const Score& score, std::span<const double> sums) {
  return sums.empty() ? std::numeric_limits<double>::quiet_NaN() : score.value(sums);
}

std::optional<double> spread(const std::vector<double>& values) {
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    squares += value * value;
    ++count;
  }
  if (count < 2) return std::nullopt;
  return std::sqrt(std::max(0.0, (squares - sum * sum / count) / (count - 1)));
}

std::vector<double> difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> differences(a.size());
  std::ranges::transform(a, b, differences.begin(), std::minus<>());
  return differences;
}

/// How likely a lead as large would be by chance, either way: the share of draws, of both signs the smaller and twice,
/// in which it is on the other side of 0; where that is none, what a normal distribution of their spread has there.
/// Never less than that as many pictures all point one way, as few pictures drawn again and again show no other.
double chance_of(double lead, const std::vector<double>& leads, int64_t pictures) {
  double below = 0;
  double above = 0;
  double count = 0;
  for (const double drawn : leads) {
    if (!std::isfinite(drawn)) continue;
    below += drawn <= 0 ? 1 : 0;
    above += drawn >= 0 ? 1 : 0;
    ++count;
  }
  const auto error = spread(leads);
  if (!error) return 1;
  double chance = 2 * (std::min(below, above) + 1) / (count + 1);
  if (std::min(below, above) == 0) chance = std::min(chance, std::erfc(std::abs(lead) / (*error * std::sqrt(2.0))));
  return std::clamp(chance, std::min(1.0, std::ldexp(2.0, -static_cast<int>(std::min<int64_t>(pictures, 1000)))), 1.0);
}

std::optional<size_t> best_of(const std::vector<Row>& rows, bool higher_is_better) {
  std::optional<size_t> best;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].control || !std::isfinite(rows[i].value)) continue;
    const bool leads =
        !best || (higher_is_better ? rows[i].value > rows[*best].value : rows[i].value < rows[*best].value);
    if (leads) best = i;
  }
  return best;
}

void compare(std::vector<Row>& rows, MetricSummary& summary, const Draws& draws, int64_t pictures) {
  const auto best = best_of(rows, summary.higher_is_better);
  const auto random = std::ranges::find(rows, "random", &Row::method);
  const bool drawn = !draws.front().empty();
  const auto methods = std::ranges::count(rows, false, &Row::control);
  for (size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    if (drawn) row.error = spread(draws[i]);
    if (best && std::isfinite(row.value)) {
      row.from_best = row.value - rows[*best].value;
      if (drawn) row.from_best_error = spread(difference(draws[i], draws[*best]));
    }
    if (random == rows.end() || !std::isfinite(random->value) || !std::isfinite(row.value) || row.method == "random") {
      continue;
    }
    const double lead = row.value - random->value;
    const auto leads = difference(draws[i], draws[static_cast<size_t>(random - rows.begin())]);
    const double chance = chance_of(lead, leads, pictures);
    row.beats_random = (summary.higher_is_better ? lead > 0 : lead < 0) && chance < 0.05;
    if (row.control) continue;
    summary.tells_from_random =
        summary.tells_from_random.value_or(false) || chance * static_cast<double>(methods) < 0.05;
  }
}

}  // namespace

Table tabulate(const Evaluation& evaluation, const std::filesystem::path& out) {
  const auto file = out / "pictures.jsonl";
  const auto& subjects = evaluation.subjects();
  Table table;
  Layout layout(subjects.size(), evaluation.metrics().size());
  const auto fits = [&](const Counted& counted) {
    const bool fits =
        counted.counts.size() == subjects.size() &&
        std::ranges::all_of(counted.counts, [&](const auto& row) { return row.size() == evaluation.metrics().size(); });
    if (!fits) throw InputError("'" + file.string() + "' was made with other methods or metrics");
  };
  LayerSums layers;
  read_picture_log(
      file,
      [&](const std::string& settings) {
        if (!nlohmann::json::accept(settings)) throw InputError("'" + file.string() + "' holds no evaluation");
        table.settings = settings;
      },
      [&](const Counted& counted) {
        if (counted.left_out.empty()) {
          fits(counted);
          if (counted.layers) layers.add(*counted.layers);
          layout.see(counted);
          ++table.pictures;
        } else {
          if (table.left_out.size() < kLeftOutTold) table.left_out.emplace_back(counted.id, counted.left_out);
          ++table.left_out_count;
        }
      });

  table.layers = layers.table();

  Bootstrap bootstrap(layout.width(),
                      std::clamp<size_t>(kNumbersKept / std::max<size_t>(layout.width(), 1), 2, kGroups));
  read_picture_log(
      file, [](const std::string& /*settings*/) {},
      [&](const Counted& counted) {
        if (counted.left_out.empty()) bootstrap.add(layout.joined(counted));
      });

  const auto asked = asked_of(evaluation);
  std::vector<Draws> draws(asked.size(), Draws(subjects.size()));
  bootstrap.each(kDraws, evaluation.seed(), [&](std::span<const double> sums) {
    for (size_t a = 0; a < asked.size(); ++a) {
      for (size_t s = 0; s < subjects.size(); ++s) {
        draws[a][s].push_back(value_of(*asked[a].score, layout.part(sums, s, asked[a].metric)));
      }
    }
  });
  for (size_t a = 0; a < asked.size(); ++a) {
    const Metric& metric = evaluation.metrics()[asked[a].metric];
    const Score& score = *asked[a].score;
    MetricSummary summary{score.name, score.explains, metric.source, metric.formula, score.higher_is_better, {}};
    std::vector<Row> rows;
    for (size_t s = 0; s < subjects.size(); ++s) {
      const auto sums = layout.part(bootstrap.total(), s, asked[a].metric);
      Row& row = rows.emplace_back(Row{subjects[s].name, subjects[s].control, score.name});
      row.value = value_of(score, sums);
      row.count = sums.empty() ? 0 : score.count(sums);
    }
    compare(rows, summary, draws[a], table.pictures);
    std::erase_if(rows, [](const Row& row) { return row.control && row.count == 0; });
    table.metrics.push_back(std::move(summary));
    table.rows.insert(table.rows.end(), rows.begin(), rows.end());
  }
  for (size_t m = 0; m < evaluation.metrics().size(); ++m) {
    if (!evaluation.metrics()[m].curves) continue;
    for (size_t s = 0; s < subjects.size(); ++s) {
      const auto sums = layout.part(bootstrap.total(), s, m);
      if (std::ranges::all_of(sums, [](double sum) { return sum == 0; })) continue;
      for (Curve& curve : evaluation.metrics()[m].curves(sums)) {
        table.curves.push_back({subjects[s].name, subjects[s].control, std::move(curve)});
      }
    }
  }
  return table;
}

}  // namespace legrad::eval
