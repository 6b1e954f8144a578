#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/target.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "graph/ir/tape.h"
#include "model/grad_scope.h"
#include "model/unit_rows.h"

namespace legrad {
namespace {

std::string shape(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

/// One of: classes for all images, a tensor of classes or embeddings, a function, a choice, other targets one after
/// another.
struct Target::Kind {
  std::vector<int64_t> classes;
  at::Tensor tensor;
  int64_t lowest = 0;  // of a tensor of classes, read once: a device makes the host wait
  int64_t highest = 0;
  Similarity similarity = Similarity::kCosine;
  Function function;
  Choice choice;
  std::vector<Target> parts;

  bool embeddings() const { return tensor.defined() && tensor.is_floating_point(); }

  void check(const at::Tensor& output) const {
    const int64_t width = output.size(1);
    const auto check_class = [&](int64_t index) {
      if (index >= width || index < -width) {
        throw InputError("class index " + std::to_string(index) + " is out of range; the model has " +
                         std::to_string(width) + " outputs, 0 to " + std::to_string(width - 1));
      }
    };
    for (const int64_t index : classes) check_class(index);
    if (!tensor.defined()) return;
    const bool per_image = tensor.dim() == (embeddings() ? 3 : 2);
    if (per_image && tensor.size(0) != output.size(0)) {
      throw InputError("targets of shape " + shape(tensor) + " are for " + std::to_string(tensor.size(0)) +
                       " images, but there are " + std::to_string(output.size(0)));
    }
    if (embeddings()) {
      if (tensor.size(-1) != width) {
        throw InputError("target embeddings of shape " + shape(tensor) + " do not fit the model's output of shape " +
                         shape(output) + "; expected width " + std::to_string(width));
      }
    } else {
      check_class(highest);
      check_class(lowest);
    }
  }

  int64_t count(const at::Tensor& output) const {
    if (!parts.empty()) return parts[0].count(output) + parts[1].count(output);
    if (function) return call(output).size(1);
    if (!tensor.defined()) return static_cast<int64_t>(classes.size());
    return embeddings() ? tensor.size(-2) : tensor.size(1);
  }

  at::Tensor call(const at::Tensor& output) const {
    auto scores = function(output);
    if (!scores.defined() || scores.dim() != 2 || scores.size(0) != output.size(0)) {
      throw InputError("the target function returned " + (scores.defined() ? shape(scores) : std::string("nothing")) +
                       " for an output of shape " + shape(output) + "; expected scores [" +
                       std::to_string(output.size(0)) + ", K]");
    }
    return scores;
  }

  at::Tensor score(const at::Tensor& output, int64_t k) const {
    if (!parts.empty()) {
      const int64_t first = parts[0].count(output.detach());
      return k < first ? parts[0].score(output, k) : parts[1].score(output, k - first);
    }
    if (function) return call(output).select(1, k);
    if (!tensor.defined()) return output.select(1, classes.at(k));
    if (!embeddings()) {
      const auto width = output.size(1);
      return output.gather(1, tensor.narrow(1, k, 1).to(output.device()).remainder(width)).squeeze(1);
    }
    return similarity_of(output, tensor.select(-2, k).to(output.device(), output.scalar_type()));
  }

  // Target i's score of outputs[i], [T, B].
  at::Tensor scores_apart(const at::Tensor& outputs, int64_t first) const {
    const int64_t count = outputs.size(0);
    if (embeddings()) {
      const auto some = tensor.narrow(-2, first, count).to(outputs.device(), outputs.scalar_type());
      return similarity_of(outputs, some.dim() == 2 ? some.unsqueeze(1) : some.transpose(0, 1));
    }
    const auto apart = outputs.unbind(0);  // whose gradients come back as one tensor, those of selections as one each
    std::vector<at::Tensor> scores;
    scores.reserve(count);
    for (int64_t i = 0; i < count; ++i) scores.push_back(score(apart[i], first + i));
    return at::stack(scores);
  }

  at::Tensor weights(const at::Tensor& output, int64_t k) const {
    if (!parts.empty()) {
      const int64_t first = parts[0].count(output);
      return k < first ? parts[0].weights(output, k) : parts[1].weights(output, k - first);
    }
    if (!embeddings()) return gradient(output, k);
    const auto embedding = tensor.select(-2, k).to(output.device(), output.scalar_type()).expand_as(output);
    if (similarity == Similarity::kDot) return embedding;
    return model::unit_rows(embedding) / output.norm(2, -1, /*keepdim=*/true);
  }

 private:
  // Of outputs [..., B, C] and embeddings that broadcast to that.
  at::Tensor similarity_of(const at::Tensor& output, const at::Tensor& embedding) const {
    if (similarity == Similarity::kDot) return (output * embedding).sum(-1);
    return (model::unit_rows(output) * model::unit_rows(embedding)).sum(-1);
  }

  at::Tensor gradient(const at::Tensor& output, int64_t k) const {
    const model::GradScope scope(true);
    const auto leaf = output.detach().requires_grad_();
    return graph::Tape({score(leaf, k)}, {leaf}).pull({at::ones({output.size(0)}, output.options())})[0];
  }
};

Target::Target(std::initializer_list<int64_t> classes) : Target(std::vector<int64_t>(classes)) {}

Target::Target(std::vector<int64_t> classes) {
  if (classes.empty()) return;
  auto kind = std::make_shared<Kind>();
  kind->classes = std::move(classes);
  kind_ = std::move(kind);
}

Target::Target(const at::Tensor& classes_or_embeddings, Similarity similarity) {
  const auto& given = classes_or_embeddings;
  if (!given.defined()) return;
  const model::GradScope scope(false);  // a copy that can be differentiated with, wherever the target was made
  const bool floating = given.is_floating_point();
  const bool integral = at::isIntegralType(given.scalar_type(), /*includeBool=*/false);
  const bool fits = (integral && given.dim() == 2) || (floating && (given.dim() == 2 || given.dim() == 3));
  if (!fits || given.numel() == 0) {
    throw InputError("targets of shape " + shape(given) +
                     "; expected class indices [B, K], or embeddings [K, C] or [B, K, C]");
  }
  auto kind = std::make_shared<Kind>();
  kind->tensor = given.detach().clone();
  if (integral) {
    kind->tensor = kind->tensor.to(at::kLong);
    kind->lowest = kind->tensor.min().item<int64_t>();
    kind->highest = kind->tensor.max().item<int64_t>();
  }
  kind->similarity = similarity;
  kind_ = std::move(kind);
}

Target::Target(Function scores) {
  auto kind = std::make_shared<Kind>();
  kind->function = std::move(scores);
  kind_ = std::move(kind);
}

Target Target::chosen_by(Choice choice) {
  auto kind = std::make_shared<Kind>();
  kind->choice = std::move(choice);
  Target target;
  target.kind_ = std::move(kind);
  return target;
}

bool Target::empty() const { return !kind_; }

Target joined(const Target& first, const Target& second) {
  auto kind = std::make_shared<Target::Kind>();
  kind->parts = {first, second};
  Target both;
  both.kind_ = std::move(kind);
  return both;
}

bool Target::needs_output() const {
  return kind_ && (kind_->function || kind_->choice || std::ranges::any_of(kind_->parts, &Target::needs_output));
}

bool Target::to_be_chosen() const {
  return kind_ && (kind_->choice || std::ranges::any_of(kind_->parts, &Target::to_be_chosen));
}

Target Target::chosen(const at::Tensor& output) const {
  if (!to_be_chosen()) return *this;
  if (kind_->choice) return kind_->choice(output.detach());
  return joined(kind_->parts[0].chosen(output), kind_->parts[1].chosen(output));
}

Target Target::on(c10::Device device) const {
  if (!kind_) return *this;
  auto kind = std::make_shared<Kind>(*kind_);
  if (kind->tensor.defined()) kind->tensor = kind->tensor.to(device);
  for (auto& part : kind->parts) part = part.on(device);
  Target moved;
  moved.kind_ = std::move(kind);
  return moved;
}

Target Target::with_held_lengths() const {
  if (!kind_) return *this;
  return Target([target = *this](const at::Tensor& output) {
    std::vector<at::Tensor> columns;
    const auto as_seen = output.detach();
    for (int64_t k = 0; k < target.count(as_seen); ++k) {
      const auto held = target.weights(as_seen, k);
      columns.push_back(target.score(as_seen, k).detach() + (held * (output - as_seen)).sum(-1));
    }
    return at::stack(columns, 1);
  });
}

int64_t Target::count(const at::Tensor& output) const {
  if (!kind_) throw InputError("no target was given; expected class indices, embeddings or a function");
  if (kind_->choice) return chosen(output).count(output);
  kind_->check(output);
  return kind_->count(output);
}

at::Tensor Target::score(const at::Tensor& output, int64_t k) const {
  return kind_->choice ? chosen(output).score(output, k) : kind_->score(output, k);
}

at::Tensor Target::scores_apart(const at::Tensor& outputs, int64_t first) const {
  return kind_->choice ? chosen(outputs[0]).scores_apart(outputs, first) : kind_->scores_apart(outputs, first);
}

at::Tensor Target::weights(const at::Tensor& output, int64_t k) const {
  return kind_->choice ? chosen(output).weights(output, k) : kind_->weights(output.detach(), k);
}

at::Tensor Target::scores(const at::Tensor& output) const {
  if (kind_ && kind_->choice) return chosen(output).scores(output);
  const int64_t targets = count(output);
  if (kind_->function) return kind_->call(output);
  std::vector<at::Tensor> columns;
  for (int64_t k = 0; k < targets; ++k) columns.push_back(score(output, k));
  return at::stack(columns, 1);
}

}  // namespace legrad
