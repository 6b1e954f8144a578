#include <ATen/Functions.h>
#include <legrad/error.h>
#include <legrad/rules.h>
#include <legrad/vit.h>

#include <sstream>
#include <utility>

#include "model/grad_scope.h"
#include "model/join.h"
#include "model/load.h"
#include "model/network.h"
#include "model/resize.h"
#include "model/sweep.h"
#include "model/torch_errors.h"

namespace legrad {

const char* to_string(ReadoutKind kind) {
  switch (kind) {
    case ReadoutKind::kToken:
      return "token";
    case ReadoutKind::kTokens:
      return "tokens";
    case ReadoutKind::kPatchMean:
      return "patch tokens";
    case ReadoutKind::kAllTokens:
      return "all tokens";
    case ReadoutKind::kPooler:
      return "pooler";
  }
  return "unknown";
}

namespace {

void check_device(c10::Device device) {
  model::plainly<InputError>("using the device " + device.str(),
                             [&] { return at::empty({0}, at::TensorOptions().device(device)); });
}

// Images as the model takes them, on its device, of its dtype, and such that gradients can be taken behind them.
at::Tensor prepared(const at::Tensor& images, const Structure& structure) {
  const auto& size = structure.image->size;
  const bool fits = images.defined() && images.dim() == 4 && images.size(0) > 0 &&
                    images.size(1) == structure.image->channels && images.size(2) == size.height &&
                    images.size(3) == size.width;
  if (!fits) {
    std::ostringstream text;
    text << "images of shape " << (images.defined() ? images.sizes() : at::IntArrayRef{}) << "; the model takes [B, "
         << structure.image->channels << ", " << size.height << ", " << size.width << "]";
    if (images.defined() && images.dim() == 4 && images.size(3) == structure.image->channels) {
      text << "; their last dimension is the channels: permute them to [B, " << structure.image->channels << ", H, W]";
    }
    throw InputError(text.str());
  }
  if (!images.is_floating_point()) {
    throw InputError(std::string("images of type ") + c10::toString(images.scalar_type()) +
                     "; expected preprocessed floating numbers");
  }
  auto moved = images.detach().to(structure.device, structure.dtype);
  return moved.is_inference() ? moved.clone() : moved;
}

}  // namespace

Vit::Vit(std::shared_ptr<const model::Network> network) : network_(std::move(network)) {}

Vit Vit::load(const std::filesystem::path& file, const LoadOptions& options) {
  check_device(options.device);
  return model::plainly<ModelError>("loading " + file.string(),
                                    [&] { return Vit(model::load_network(file, options)); });
}

Vit Vit::resized(int64_t height, int64_t width) const {
  const model::GradScope scope(false);
  return model::plainly<ModelError>("taking images of another size", [&] {
    auto network = std::make_shared<model::Network>(*model::resize(*network_, {height, width}));
    network->rules = network_->rules;
    return Vit(std::move(network));
  });
}

Vit Vit::by_rules(std::shared_ptr<const Rules> rules) const {
  if (rules && !rules->gradient) {
    throw InputError("the rules '" + rules->name + "' pass relevance, and a sweep takes gradients");
  }
  auto network = std::make_shared<model::Network>(*network_);
  network->rules = std::move(rules);
  return Vit(std::move(network));
}

Vit Vit::followed_by(const Vit& rest, int64_t blocks) const {
  return Vit(model::joined(*network_, *rest.network_, blocks));
}

const Structure& Vit::structure() const { return network_->structure; }

std::shared_ptr<const Structure> Vit::shared_structure() const { return {network_, &network_->structure}; }

const GradientPlan& Vit::plan() const { return network_->plan; }

at::Tensor Vit::forward(const at::Tensor& images) const { return sweep(images, {}, {}); }

at::Tensor Vit::sweep(const at::Tensor& images, const Target& target, const std::vector<ForwardWatcher*>& forward,
                      const std::vector<BackwardWatcher*>& backward, const std::vector<RelevanceWatcher*>& relevance,
                      int64_t tape_bytes) const {
  const model::GradScope scope(false);
  return model::plainly<Error>("running the model", [&] {
    const auto input = prepared(images, structure());
    const auto as_asked = [&](const Target& known) {
      const auto here = known.on(structure().device);
      return network_->rules && network_->rules->holds_lengths ? here.with_held_lengths() : here;
    };
    auto chosen = target.to_be_chosen() ? target : as_asked(target);
    const auto choose = [&](const at::Tensor& output) {
      if (chosen.to_be_chosen()) chosen = as_asked(chosen.chosen(output));
    };
    if (model::any_score_wanted(forward, structure().blocks) && chosen.to_be_chosen()) choose(this->forward(input));
    const bool back = !backward.empty() || !relevance.empty();
    const int64_t blocks = structure().blocks;
    const int64_t walked = model::lowest_watched(relevance, blocks);
    const auto first = std::min(model::lowest_needed(backward, blocks), walked);
    const bool walks_take_the_run = input.size(0) == 1 && !network_->rules;
    const auto needed = model::needed(backward, walks_take_the_run ? walked : blocks, blocks);
    model::Kept kept(*network_, needed, first, input.size(0), tape_bytes);
    auto output = model::sweep_forward(*network_, input, chosen, forward, back ? &kept : nullptr);
    choose(output);
    model::score_tokens(*network_, chosen, forward);
    model::walk_relevance(*network_, kept, input, output, chosen, relevance);
    if (!backward.empty()) model::sweep_backward(*network_, kept, chosen, backward);
    return output;
  });
}

}  // namespace legrad
