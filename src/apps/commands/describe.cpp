#include "apps/commands/describe.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/options/values.h"
#include "apps/terminal.h"
#include "io/manifest.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

/// "12 x sdpa", or "10 x sdpa, 2 x softmax".
std::string counted(const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, int>> counts;
  for (const std::string& word : words) {
    const auto found = std::ranges::find(counts, word, &std::pair<std::string, int>::first);
    if (found == counts.end()) {
      counts.emplace_back(word, 1);
    } else {
      ++found->second;
    }
  }
  std::string text;
  for (const auto& [word, count] : counts) {
    text += c10::str(text.empty() ? "" : ", ", count, " x ", word);
  }
  return text;
}

/// The first few of a list, and how many there are.
template <class Item>
std::string some(const std::vector<Item>& items) {
  constexpr size_t kShown = 6;
  std::string text;
  for (size_t i = 0; i < std::min(items.size(), kShown); ++i) {
    text += c10::str(i == 0 ? "" : ", ", items[i]);
  }
  return items.size() > kShown ? text + ", ... (" + std::to_string(items.size()) + ")" : text;
}

std::string numbers(const std::array<double, 3>& values) {
  return c10::str(values[0], ", ", values[1], ", ", values[2]);
}

std::string readout(const Structure& structure) {
  if (structure.pooler_heads > 0) {
    const auto read = static_cast<int64_t>(structure.pooler_queries_read.size());
    return c10::str(legrad::to_string(structure.readout), ", ", structure.pooler_queries,
                    structure.pooler_queries == 1 ? " query, " : " queries, ",
                    read == structure.pooler_queries ? "" : std::to_string(read) + " of them read, ",
                    structure.pooler_heads, " heads");
  }
  return c10::str(legrad::to_string(structure.readout), structure.readout_rows.size() == 1 ? ", row " : ", rows ",
                  some(structure.readout_rows), " of the last tokens");
}

std::string quantised(const Quantised& found) {
  auto layers = c10::str(found.layers, " linear layers of int8 weights, explained dequantised");
  if (!found.difference) return layers;
  return c10::str(layers, "; the file's own output differs by ", *found.difference, " of the largest number");
}

nlohmann::ordered_json quantised_json(const std::optional<Quantised>& found) {
  if (!found) return nullptr;
  nlohmann::ordered_json json = {{"layers", found->layers}, {"difference", nullptr}};
  if (found->difference) json["difference"] = *found->difference;
  return json;
}

}  // namespace

std::string describe_text(const Bundle& bundle, const Vit& vit) {
  const Preprocessing& preprocessing = bundle.preprocessing;
  const Structure& s = vit.structure();
  const GradientPlan& plan = vit.plan();
  std::vector<std::vector<std::string>> rows = {
      {"model", io::one_line(bundle.name)},
      {"file", io::one_line(bundle.vision.string())},
      {"exporter", io::one_line(s.exporter)},
      {"input", c10::str(s.image->channels, " x ", s.image->size.height, " x ", s.image->size.width,
                         s.image->size_guessed ? " (guessed: a square that fits the position embedding)" : "")},
      {"patch grid", c10::str(s.image->grid.rows, " x ", s.image->grid.columns)},
      {"tokens", c10::str(s.tokens, ", ", s.image->prefix_tokens, " of them prefix tokens")},
      {"blocks", c10::str(s.blocks, ", ", s.heads, " heads, width ", s.width)},
      {"attention", c10::str(counted(s.attention), s.differential ? ", differential" : "")},
      {"readout", readout(s)},
      {"batch", plan.batch_of_one ? "of one image, so images go one by one" : "any"},
      {"gradients", plan.rows_restricted ? "on the readout rows alone" : "on all rows"},
      {"token mean", plan.mean_pushed ? "taken before a block's last linear layer" : "taken of a block's output"},
      {"output", c10::str(s.output_width,
                          bundle.gives_embedding() || s.normalized_output ? " numbers of an embedding" : " entries",
                          s.output_is.empty() ? "" : ", " + s.output_is)},
      {"labels", bundle.labels.empty() ? "none" : io::one_line(some(bundle.labels))},
      {"preprocessing", c10::str(io::name_of(preprocessing.resize), ", ", io::name_of(preprocessing.interpolation),
                                 ", mean ", numbers(preprocessing.mean), ", std ", numbers(preprocessing.std))},
      {"parameters", std::to_string(s.parameters)},
      {"dtype", dtype_name(s.dtype)},
      {"device", s.device.str()},
  };
  if (s.quantised) rows.push_back({"quantised", quantised(*s.quantised)});
  return table(rows);
}

std::string describe_json(const Bundle& bundle, const Vit& vit) {
  const Preprocessing& preprocessing = bundle.preprocessing;
  const Structure& s = vit.structure();
  const GradientPlan& plan = vit.plan();
  const nlohmann::ordered_json json = {
      {"name", bundle.name},
      {"vision", bundle.vision.string()},
      {"kind", bundle.kind},
      {"exporter", s.exporter},
      {"quantised", quantised_json(s.quantised)},
      {"input", {{"height", s.image->size.height}, {"width", s.image->size.width}}},
      {"size_guessed", s.image->size_guessed},
      {"channels", s.image->channels},
      {"blocks", s.blocks},
      {"heads", s.heads},
      {"differential", s.differential},
      {"width", s.width},
      {"tokens", s.tokens},
      {"grid", {{"rows", s.image->grid.rows}, {"columns", s.image->grid.columns}}},
      {"prefix_tokens", s.image->prefix_tokens},
      {"patch_positions", s.image->patch_positions},
      {"readout", legrad::to_string(s.readout)},
      {"readout_rows", s.readout_rows},
      {"pooler_heads", s.pooler_heads},
      {"pooler_queries", s.pooler_queries},
      {"pooler_queries_read", s.pooler_queries_read},
      {"attention", s.attention},
      {"batch_of_one", plan.batch_of_one},
      {"rows_restricted", plan.rows_restricted},
      {"mean_pushed", plan.mean_pushed},
      {"normalized_output", s.normalized_output},
      {"output_width", s.output_width},
      {"output_is", s.output_is},
      {"parameters", s.parameters},
      {"dtype", dtype_name(s.dtype)},
      {"device", s.device.str()},
      {"labels", bundle.labels},
      {"preprocessing",
       {{"mean", preprocessing.mean},
        {"std", preprocessing.std},
        {"interpolation", io::name_of(preprocessing.interpolation)},
        {"resize", io::name_of(preprocessing.resize)}}},
  };
  // File names need not be UTF-8.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace legrad::apps
