#include <legrad/image.h>
#include <legrad/npy.h>

#include <iostream>

#include "apps/commands/explain.h"
#include "apps/options/model.h"
#include "apps/output_files.h"
#include "apps/pictures.h"
#include "apps/terminal.h"
#include "io/words.h"

namespace legrad::apps {

void explain_pictures(const ExplainOptions& options) {
  OutputFiles files(options.out, options.images);
  Pictures pictures(options.images);
  const Setup setup(options.setup);

  std::vector<std::vector<std::string>> rows;
  pictures.each([&](const std::string& picture, const at::Tensor& image) {
    const Seen seen = setup.explain(preprocess(image, setup.explainer()));
    const at::Tensor heat = heat_over(image, seen.maps[0][0], setup.explainer());  // [K, H, W]

    files.make_folder();
    const std::string stem = files.stem(picture);
    for (int64_t k = 0; k < heat.size(0); ++k) {
      const std::string& name = seen.names[0][static_cast<size_t>(k)];
      const std::filesystem::path file = files.overlay(stem, name);
      write_image(file, overlay(image, heat[k], style(options.overlay)));
      std::vector<std::string> row = {io::one_line(picture), io::one_line(name),
                                      score_text(seen.scores[0][k].item<double>())};
      if (seen.probabilities.defined()) row.push_back(score_text(seen.probabilities[0][k].item<double>()));
      row.push_back(io::one_line(file.string()));
      rows.push_back(std::move(row));
    }
    if (options.npy) write_npy(files.file(stem + ".npy"), heat);
  });
  std::vector<std::string> header = {"picture", "target", "score", "file"};
  if (!rows.empty() && rows[0].size() > header.size()) header.insert(header.end() - 1, "probability");
  rows.insert(rows.begin(), header);
  std::cout << table(rows);
  setup.tell_notes();
  pictures.check_all_were_used();
}

}  // namespace legrad::apps
