#include "eval/case.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/image.h>

#include <algorithm>

#include "eval/metrics/rerun.h"
#include "image/per_channel.h"
#include "io/split_mix.h"

namespace legrad::eval {
namespace {

at::Tensor run_in_batches(const Vit& vit, const Classes& classes, const at::Tensor& images) {
  std::vector<at::Tensor> scores;
  for (const at::Tensor& batch : images.split(kRerunBatch)) scores.push_back(classes.scores(vit.forward(batch)));
  return at::cat(scores);
}

int64_t question_of(Case& made, int64_t index, const std::string& name) {
  const auto found = std::ranges::find(made.questions, index, &Question::index);
  if (found != made.questions.end()) return found - made.questions.begin();
  made.questions.push_back({name, index});
  return static_cast<int64_t>(made.questions.size()) - 1;
}

}  // namespace

uint64_t seed_of(const std::string& text, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325U ^ (seed * io::kSplitMixStep);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return io::split_mixed(hash);
}

void CaseMaker::ask_regions(const Sample& sample, const at::Tensor& picture, Case& made) const {
  const ImageSize size = explainer_.vit().structure().image->size;
  const Preprocessing& preprocessing = explainer_.bundle().preprocessing;
  const auto seen = [&](const at::Tensor& mask, const std::string& of) {
    if (mask.size(0) != picture.size(0) || mask.size(1) != picture.size(1)) {
      throw InputError(c10::str("'", sample.id, "' is ", picture.size(0), " x ", picture.size(1), " pixels, and ", of,
                                " ", mask.size(0), " x ", mask.size(1), "; expected a mask of the picture's size"));
    }
    return on_input(mask, size, preprocessing);
  };
  for (const Region& region : sample.regions) {
    const auto index = classes_.find(region.name);
    if (!index) continue;
    Question& question = made.questions[static_cast<size_t>(question_of(made, *index, region.name))];
    question.region = &region;
    if (!region.mask.defined()) continue;
    const at::Tensor mask = seen(region.mask, "its mask of '" + region.name + "'");
    if (mask.any().item<bool>()) question.mask = mask;
  }
  if (sample.unlabelled.defined()) made.unlabelled = seen(sample.unlabelled, "what is unlabelled in it");
}

Case CaseMaker::make(const Sample& sample, const at::Tensor& picture) const {
  const ImageSize size = explainer_.vit().structure().image->size;
  const Preprocessing& preprocessing = explainer_.bundle().preprocessing;
  Case made;
  made.sample = &sample;
  made.seed = seed_of(sample.id, seed_);
  made.input = preprocess(picture, explainer_);
  made.zero = -image::per_channel(preprocessing.mean) / image::per_channel(preprocessing.std);
  made.mean = made.input.mean({2, 3}, /*keepdim=*/true);
  made.run = [this](const at::Tensor& images) { return run_in_batches(explainer_.vit(), classes_, images); };
  made.read = [this](const std::filesystem::path& file) { return preprocess(read_image(file), explainer_); };
  made.pixel_of = [picture_size = ImageSize{picture.size(0), picture.size(1)}, size, &preprocessing](
                      const Point& place) { return on_input(place.x, place.y, picture_size, size, preprocessing); };
  made.scores = made.run(made.input)[0];
  ask_regions(sample, picture, made);

  const auto scores = made.scores.accessor<double, 1>();
  for (const std::string& name : sample.labels) {
    if (const auto index = classes_.find(name)) made.labels.push_back(*index);
  }
  if (!made.labels.empty()) {
    const int64_t best = *std::ranges::max_element(made.labels, {}, [&](int64_t index) { return scores[index]; });
    made.label = question_of(made, best, classes_.name(best));
  }
  const int64_t best = made.scores.argmax().item<int64_t>();
  made.predicted = question_of(made, best, classes_.name(best));
  return made;
}

}  // namespace legrad::eval
