#include <ATen/Functions.h>
#include <legrad/error.h>
#include <legrad/text_tower.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "graph/passes/cut.h"
#include "graph/passes/free_sizes.h"
#include "graph/passes/input_size.h"
#include "graph/passes/judge.h"
#include "graph/passes/straighten.h"
#include "graph/read/open.h"
#include "model/difference.h"
#include "model/grad_scope.h"
#include "model/load.h"
#include "model/rounding.h"
#include "model/text_network.h"
#include "model/text_stages.h"
#include "model/torch_errors.h"

namespace legrad {
namespace model {

at::Tensor TextNetwork::run(const at::Tensor& ids) const {
  // The program's last input stands in for the ids where only their sizes are read.
  if (!text_by_text) return program({ids, ids})[0];
  std::vector<at::Tensor> rows;
  rows.reserve(static_cast<size_t>(ids.size(0)));
  for (const auto& text : ids.split(1)) rows.push_back(program({text, text})[0]);
  return at::cat(rows);
}

const TextStages& TextNetwork::stages() const {
  std::call_once(cut_once_, [&] {
    try {
      stages_ = plainly<ModelError>("taking the text tower apart", cut);
    } catch (const Error& error) {
      refusal_ = ModelError(std::string("the text tower cannot be explained: ") + error.what(), error.reason());
    }
  });
  if (refusal_) throw ModelError(*refusal_);
  return *stages_;
}

namespace {

// Texts of different ids, each with its largest at another place: towers read the place of the largest id, the first
// of a certain id, or the last place.
at::Tensor example_texts(int64_t count, int64_t length, int64_t vocabulary, c10::Device device) {
  const auto row = at::arange(count, at::kLong).unsqueeze(1);
  const auto column = at::arange(length, at::kLong).unsqueeze(0);
  const int64_t most = std::max<int64_t>(vocabulary, 2) - 1;
  auto ids = at::remainder(at::add(at::mul(column, 7), at::mul(row, 13)), most);
  const auto last = at::sub(at::full({count, 1}, length - 1, at::kLong), at::remainder(row, length));
  return ids.scatter(1, last, most).to(device);
}

std::shared_ptr<TextNetwork> build(const graph::Source& source, int64_t batch, int64_t length,
                                   const graph::StraightenOptions& options) {
  // Ids of 0 and 1 are in any vocabulary; how large it is shows once the file ran.
  auto line = graph::straighten(source, example_texts(batch, length, 2, options.device), options);
  graph::free_sizes(line);
  auto network = std::make_shared<TextNetwork>();
  network->program = graph::cut(line, {line.input()}, {line.result()}, "the text tower");
  network->length = length;
  network->vocabulary = graph::vocabulary(line);
  network->width = line.output.size(1);
  network->text_by_text = batch == 1;
  network->dtype = options.to_dtype;
  network->device = options.device;

  constexpr int64_t kTexts = 5;
  const auto texts = example_texts(kTexts, length, network->vocabulary, options.device);
  const auto embeddings = network->run(texts);
  for (const auto& [ids, made] :
       {std::pair(texts.narrow(0, 0, batch), embeddings.narrow(0, 0, batch)),
        std::pair(texts.narrow(0, kTexts - batch, batch), embeddings.narrow(0, kTexts - batch, batch))}) {
    const auto own = graph::run_as_it_stands(source, ids, options);
    if (own && !agree(made, *own)) {
      throw ModelError("the text tower taken apart does not give what the file itself gives", Reason::kNotReproduced);
    }
  }
  (void)compare_rounded(source, texts, batch, options);
  const auto alone = network->run(texts.narrow(0, kTexts - 1, 1));
  if (!agree(embeddings.narrow(0, kTexts - 1, 1), alone)) {
    throw ModelError("the texts of a batch have an influence on each other", Reason::kMixesImages);
  }
  network->cut = [=, ids = texts.narrow(0, 0, batch), made = embeddings.narrow(0, 0, batch)] {
    return cut_text_stages(source, ids, made, options);
  };
  return network;
}

std::shared_ptr<const TextNetwork> load_text(const std::filesystem::path& file, int64_t length,
                                             const LoadOptions& options) {
  const GradScope scope(false);
  auto source = graph::open_source(file);
  source.input = graph::token_argument(source);
  const auto straighten = straighten_options(source, options);
  graph::convert(source, straighten.device, straighten.from_dtype, straighten.to_dtype);
  try {
    return build(source, 2, length, straighten);
  } catch (const graph::ExecutionError&) {
    return build(source, 1, length, straighten);  // perhaps the file holds a batch of one
  } catch (const ModelError& error) {
    if (error.reason() != Reason::kBatchUnfit && error.reason() != Reason::kMixesImages) throw;
    return build(source, 1, length, straighten);
  }
}

}  // namespace
}  // namespace model

TextTower::TextTower(std::shared_ptr<const model::TextNetwork> network) : network_(std::move(network)) {}

TextTower TextTower::load(const std::filesystem::path& file, int64_t length, const LoadOptions& options) {
  if (length < 1) throw InputError("a text of " + std::to_string(length) + " tokens; expected at least 1");
  return model::plainly<ModelError>("loading " + file.string(),
                                    [&] { return TextTower(model::load_text(file, length, options)); });
}

int64_t TextTower::length() const { return network_->length; }
int64_t TextTower::vocabulary() const { return network_->vocabulary; }
int64_t TextTower::width() const { return network_->width; }
c10::ScalarType TextTower::dtype() const { return network_->dtype; }
c10::Device TextTower::device() const { return network_->device; }

at::Tensor TextTower::checked(const at::Tensor& ids) const {
  const bool fits = ids.defined() && ids.dim() == 2 && ids.size(0) > 0 && ids.size(1) == length();
  if (!fits || !c10::isIntegralType(ids.scalar_type(), /*includeBool=*/false)) {
    std::ostringstream text;
    text << "ids of shape " << (ids.defined() ? ids.sizes() : at::IntArrayRef{})
         << "; the text tower takes integers [K, " << length() << "]";
    throw InputError(text.str());
  }
  const auto host = ids.detach().to(at::kCPU, at::kLong);
  const auto least = host.min().item<int64_t>();
  const auto largest = host.max().item<int64_t>();
  if (least < 0 || (vocabulary() > 0 && largest >= vocabulary())) {
    throw InputError("an id of " + std::to_string(least < 0 ? least : largest) + "; the text tower's vocabulary has " +
                     std::to_string(vocabulary()) + " entries: is the tokenizer another model's?");
  }
  return host;
}

at::Tensor TextTower::encode(const at::Tensor& ids) const {
  const auto host = checked(ids);
  const model::GradScope scope(false);
  return model::plainly<Error>("running the text tower", [&] { return network_->run(host.to(device())); });
}

TextGradients TextTower::gradients(const at::Tensor& ids, const at::Tensor& images, TextScore score) const {
  const auto host = checked(ids);
  const bool fit = images.defined() && images.dim() == 2 && images.is_floating_point() && images.size(1) == width() &&
                   (images.size(0) == 1 || images.size(0) == ids.size(0));
  if (!fit) {
    std::ostringstream text;
    text << "embeddings of images of shape " << (images.defined() ? images.sizes() : at::IntArrayRef{}) << " for "
         << ids.size(0) << " texts; expected [1, " << width() << "] or one for each";
    throw InputError(text.str());
  }
  const model::GradScope scope(false);
  return model::plainly<Error>("explaining the text tower", [&] {
    const auto moved = images.detach().to(device(), dtype()).expand({ids.size(0), -1});
    return model::text_gradients(*network_, host.to(device()), moved, score);
  });
}

}  // namespace legrad
