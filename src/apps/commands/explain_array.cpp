#include <ATen/ops/isfinite.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/npy.h>

#include <iostream>

#include "apps/commands/explain.h"
#include "apps/output_files.h"
#include "apps/terminal.h"

namespace legrad::apps {
namespace {

at::Tensor read_batch(const std::string& file) {
  at::Tensor images = read_npy(file);
  const bool real = images.scalar_type() == at::kFloat || images.scalar_type() == at::kDouble;
  if (!real || images.dim() != 4 || images.numel() == 0) {
    throw InputError(c10::str("--input-npy '", file,
                              "' must hold preprocessed images, float32 (or float64) of shape [B, 3, H, "
                              "W]; it holds ",
                              images.scalar_type(), " ", images.sizes()));
  }
  if (!at::isfinite(images).all().item<bool>()) {
    throw InputError("--input-npy '" + file + "' holds NaN or infinite numbers");
  }
  return images;
}

}  // namespace

void explain_array(const ExplainOptions& options) {
  OutputFiles files(options.out, {options.input_npy});
  Bundle bundle = open_bundle(options.model);
  check_targets(options.target, bundle);
  const at::Tensor images = read_batch(options.input_npy);
  const LoadedModel model = load_model(options.model, std::move(bundle), ImageSize{images.size(2), images.size(3)});
  const TargetChooser targets(options.target, model.bundle, model.vit.structure());

  const auto correction = chosen_correction(options.correction, options.target, model);
  const at::Tensor output = model.vit.forward(images);
  const ChosenTargets chosen = targets.choose(output);
  const at::Tensor scores = chosen.target.scores(output);
  const at::Tensor maps = explain(model.vit, images, chosen.target, options.method, correction)[0];

  files.make_folder();
  const std::filesystem::path file = files.file("raw.npy");
  write_npy(file, maps);

  std::vector<std::vector<std::string>> rows = {{"image", "target", "score", "file"}};
  for (int64_t image = 0; image < scores.size(0); ++image) {
    for (int64_t k = 0; k < scores.size(1); ++k) {
      rows.push_back({std::to_string(image), one_line(chosen.names[static_cast<size_t>(image)][static_cast<size_t>(k)]),
                      score_text(scores[image][k].item<double>()), one_line(file.string())});
    }
  }
  std::cout << table(rows);
  tell_guess(model.vit.structure());
}

}  // namespace legrad::apps
