#include "eval/settings.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "eval/case.h"
#include "io/manifest.h"
#include "io/read_file.h"

namespace legrad::eval {
namespace {

std::string digest(const std::string& text) {
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016" PRIx64, seed_of(text, 0));
  return hex.data();
}

/// Of an archive: its directory, which stands at its end, has a checksum of every weight.
std::string file_digest(const std::filesystem::path& file) {
  constexpr uint64_t kEnd = uint64_t{1} << 20;
  io::OpenFile open(file, uint64_t{1} << 50, "model");
  const uint64_t count = std::min(open.size(), kEnd);
  return digest(std::to_string(open.size()) + open.read(open.size() - count, count));
}

/// Which class of the model each of the data's is.
std::string classes_digest(const Evaluation& evaluation, const DataSet& data) {
  std::string text;
  for (const std::string& name : data.classes()) {
    text += name + '\0' + std::to_string(evaluation.classes().find(name).value_or(-1)) + '\0';
  }
  return digest(text);
}

}  // namespace

std::string settings_of(const Evaluation& evaluation, const DataSet& data,
                        const std::vector<std::pair<std::string, std::string>>& told) {
  const Bundle& bundle = evaluation.explainer().bundle();
  const Preprocessing& preprocessing = bundle.preprocessing;
  const Structure& structure = evaluation.explainer().vit().structure();
  nlohmann::ordered_json settings = {{"model", bundle.name},
                                     {"input", {structure.image->size.height, structure.image->size.width}},
                                     {"classes", evaluation.classes().count()}};
  for (const auto& [key, value] : told) settings[key] = value;
  settings["seed"] = evaluation.seed();
  for (const Subject& subject : evaluation.subjects()) {
    settings[subject.control ? "controls" : "methods"].push_back(subject.name);
  }
  settings["metrics"] = evaluation.scores();
  settings["per_layer"] = evaluation.per_layer();
  settings["preprocessing"] = {{"mean", preprocessing.mean},
                               {"std", preprocessing.std},
                               {"resize", io::name_of(preprocessing.resize)},
                               {"interpolation", io::name_of(preprocessing.interpolation)},
                               {"crop", preprocessing.crop},
                               {"fill", preprocessing.fill}};
  settings["dtype"] = std::string(c10::getDtypeNames(structure.dtype).first);
  settings["weights_digest"] = bundle.vision.empty() ? "" : file_digest(bundle.vision);
  settings["classes_digest"] = classes_digest(evaluation, data);
  return settings.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace legrad::eval
