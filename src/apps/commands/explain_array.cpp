#include <ATen/ops/isfinite.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/npy.h>

#include <iostream>

#include "apps/commands/explain.h"
#include "apps/options/model.h"
#include "apps/output_files.h"
#include "apps/terminal.h"
#include "io/words.h"

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
  const at::Tensor images = read_batch(options.input_npy);
  const Setup setup(options.setup, ImageSize{images.size(2), images.size(3)});
  const Seen seen = setup.explain(images);

  files.make_folder();
  const std::filesystem::path file = files.file("raw.npy");
  write_npy(file, seen.maps[0]);

  std::vector<std::vector<std::string>> rows = {{"image", "target", "score", "file"}};
  for (int64_t image = 0; image < seen.scores.size(0); ++image) {
    for (int64_t k = 0; k < seen.scores.size(1); ++k) {
      rows.push_back({std::to_string(image),
                      io::one_line(seen.names[static_cast<size_t>(image)][static_cast<size_t>(k)]),
                      score_text(seen.scores[image][k].item<double>()), io::one_line(file.string())});
    }
  }
  std::cout << table(rows);
  tell_guess(setup.explainer().vit().structure());
}

}  // namespace legrad::apps
