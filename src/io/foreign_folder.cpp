#include "io/foreign_folder.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "io/nearest_names.h"

namespace legrad::io {
namespace {

namespace fs = std::filesystem;

bool any_ends(const std::vector<std::string>& names, std::string_view end) {
  return std::ranges::any_of(names, [&](const std::string& name) { return name.ends_with(end); });
}

bool is_model(const fs::path& file) {
  const auto extension = lower_case(file.extension().string());
  return extension == ".pt" || extension == ".pt2" || extension == ".ts" || extension == ".torchscript";
}

}  // namespace

std::string foreign_folder(const fs::path& folder) {
  std::vector<std::string> models;
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename().string());
    if (is_model(entry.path())) models.push_back(entry.path().string());
  }
  std::ranges::sort(models);
  if (models.size() == 1) return "it holds one exported model; give that: " + models[0];
  if (!models.empty()) {
    std::string list;
    for (const auto& model : models) list += (list.empty() ? "" : ", ") + model;
    return "it holds several exported models; give one of them: " + list;
  }
  if (any_ends(names, "config.json") && (any_ends(names, ".safetensors") || any_ends(names, ".bin"))) {
    return "it is a Hugging Face folder, which holds weights and no graph; export it in Python: model = "
           "transformers.AutoModelForImageClassification.from_pretrained(\"" +
           folder.string() +
           "\"); torch.jit.trace(model.eval(), torch.rand(1, 3, 224, 224), check_trace=False, "
           "strict=False).save(\"vit.pt\")";
  }
  if (any_ends(names, "saved_model.pb")) {
    return "it is a TensorFlow SavedModel, which has no PyTorch graph to explain; export the PyTorch model it was made "
           "from";
  }
  return {};
}

}  // namespace legrad::io
