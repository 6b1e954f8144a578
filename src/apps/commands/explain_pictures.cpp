#include <ATen/ops/stack.h>
#include <legrad/error.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>
#include <legrad/npy.h>

#include <iostream>

#include "apps/commands/explain.h"
#include "apps/output_files.h"
#include "apps/terminal.h"

namespace legrad::apps {
namespace {

at::Tensor read_quietly(const std::string& file) {
  const QuietStderr quiet;
  return read_image(file);
}

/// Explains pictures one by one; what it writes goes into a table.
class PictureExplainer {
 public:
  PictureExplainer(const ExplainOptions& options, const LoadedModel& model, OutputFiles& files)
      : options_(options),
        model_(model),
        files_(files),
        targets_(options.target, model.bundle, model.vit.structure()),
        correction_(chosen_correction(options.correction, options.target, model)),
        rows_{{"picture", "target", "score", "file"}} {}

  void explain(const std::string& picture);
  std::string table() const { return apps::table(rows_); }

 private:
  const ExplainOptions& options_;
  const LoadedModel& model_;
  OutputFiles& files_;
  TargetChooser targets_;
  std::optional<Correction> correction_;
  std::vector<std::vector<std::string>> rows_;
};

void PictureExplainer::explain(const std::string& picture) {
  const Preprocessing& preprocessing = model_.bundle.preprocessing;
  const ImageSize size = model_.vit.structure().image->size;
  const at::Tensor image = read_quietly(picture);
  const at::Tensor input = preprocess(image, size, preprocessing);

  const at::Tensor output = model_.vit.forward(input);
  const ChosenTargets chosen = targets_.choose(output);
  const at::Tensor scores = chosen.target.scores(output)[0];
  const at::Tensor raw = apps::explain(model_.vit, input, chosen.target, options_.method, correction_)[0][0];
  const at::Tensor heat = normalized(raw.to(at::kCPU, at::kFloat));

  files_.make_folder();
  const std::string stem = files_.stem(picture);
  std::vector<at::Tensor> maps;
  for (int64_t k = 0; k < heat.size(0); ++k) {
    const std::string& name = chosen.names[0][static_cast<size_t>(k)];
    const at::Tensor map = on_picture(heat[k], {image.size(0), image.size(1)}, size, preprocessing);
    const std::filesystem::path file = files_.overlay(stem, name);
    write_image(file, overlay(image, map, colormap(options_.overlay.colormap), options_.overlay.alpha));
    rows_.push_back({one_line(picture), one_line(name), score_text(scores[k].item<double>()), one_line(file.string())});
    if (options_.npy) {
      maps.push_back(map);
    }
  }
  if (options_.npy) {
    write_npy(files_.file(stem + ".npy"), at::stack(maps));
  }
}

}  // namespace

void explain_pictures(const ExplainOptions& options) {
  OutputFiles files(options.out, options.images);
  Bundle bundle = open_bundle(options.model);
  check_targets(options.target, bundle);
  for (const std::string& picture : options.images) {
    read_quietly(picture);  // and again later: pictures are large, and reading one is quick beside explaining it
  }
  const LoadedModel model = load_model(options.model, std::move(bundle));
  check_channels(model.vit.structure());
  chosen_methods(options.method, model.vit.shared_structure());

  PictureExplainer explainer(options, model, files);
  {
    Progress progress(options.images.size());
    for (const std::string& picture : options.images) {
      progress.step(picture);
      explainer.explain(picture);
    }
  }
  std::cout << explainer.table();
  tell_guess(model.vit.structure());
}

}  // namespace legrad::apps
