#include <legrad/image.h>
#include <legrad/image/words.h>
#include <legrad/npy.h>

#include <iostream>

#include "apps/commands/explain.h"
#include "apps/commands/explain_words.h"
#include "apps/commands/explained.h"
#include "apps/options/model.h"
#include "apps/output_files.h"
#include "apps/pictures.h"

namespace legrad::apps {
namespace {

/// Explains the words of a prompt, and draws them; a prompt without words has none to draw.
ExplainedWords explained_words(const ExplainOptions& options, const Setup& setup, const std::string& prompt,
                               const Seen& seen, const std::filesystem::path& overlay, OutputFiles& files) {
  ExplainedWords explained{explain_words(*setup.words(), prompt, seen.output, options.setup.methods), ""};
  std::vector<HotWord> words;
  for (size_t i = 0; i < explained.scores.words.size(); ++i) {
    words.push_back({explained.scores.words[i].text, explained.scores.scores[i]});
  }
  if (words.empty()) return explained;
  constexpr int64_t kWidth = 640;
  const auto file = files.file(overlay.stem().string() + "-words.png");
  write_image(file, draw_words(words, kWidth, style(options.overlay)));
  explained.file = file.string();
  return explained;
}

}  // namespace

void explain_pictures(const ExplainOptions& options) {
  if (options.setup.keep_words) check_words_method(options.setup.methods);
  OutputFiles files(options.out, options.images);
  Pictures pictures(options.images);
  const Setup setup(options.setup);

  std::vector<Explained> rows;
  pictures.each([&](const std::string& picture, const at::Tensor& image) {
    const Seen seen = setup.explain(preprocess(image, setup.explainer()));
    const at::Tensor heat = heat_over(image, seen.maps[0][0], setup.explainer());  // [K, H, W]

    files.make_folder();
    const std::string stem = files.stem(picture);
    for (int64_t k = 0; k < heat.size(0); ++k) {
      const std::string& name = seen.names[0][static_cast<size_t>(k)];
      const std::filesystem::path file = files.overlay(stem, name);
      write_image(file, overlay(image, heat[k], style(options.overlay)));
      Explained& row = rows.emplace_back();
      row = {.picture = picture, .target = name, .score = seen.scores[0][k].item<double>(), .file = file.string()};
      if (seen.probabilities.defined()) row.probability = seen.probabilities[0][k].item<double>();
      if (options.setup.keep_words) row.words = explained_words(options, setup, name, seen, file, files);
    }
    if (options.npy) write_npy(files.file(stem + ".npy"), heat);
  });
  std::cout << (options.json
                    ? explained_json(rows, setup.explainer().bundle().name, setup.explainer().methods()[0].spec)
                    : explained_text(rows));
  setup.tell_notes();
  pictures.check_all_were_used();
}

}  // namespace legrad::apps
