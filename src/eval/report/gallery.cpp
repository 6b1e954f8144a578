#include <legrad/error.h>
#include <legrad/eval/report.h>
#include <legrad/image.h>

namespace legrad::eval {

std::vector<GalleryPicture> gallery(const Evaluation& evaluation, DataSet& data, int64_t count) {
  std::vector<GalleryPicture> shown;
  while (static_cast<int64_t>(shown.size()) < count) {
    try {
      const auto sample = data.next();
      if (!sample) break;
      shown.push_back(evaluation.show(*sample, read_image(sample->picture)));
    } catch (const InputError&) {
      continue;  // the table lists what was left out, and why
    }
  }
  return shown;
}

}  // namespace legrad::eval
