#include "apps/options/targets.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/topk.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/npy.h>

#include <CLI/CLI.hpp>
#include <utility>

namespace legrad::apps {
namespace {

[[noreturn]] void fail_without_target() {
  throw InputError(
      "the model returns an embedding, which has no top prediction; give --text-embedding FILE.npy with what to "
      "compare it "
      "to, or --class INDEX for one of its entries");
}

/// Negative indices count from the end.
int64_t checked_class(int64_t index, int64_t count) {
  if (index < -count || index >= count) {
    throw InputError(c10::str("class ", index, " is out of range; the model's output has entries 0 to ", count - 1));
  }
  return index < 0 ? index + count : index;
}

}  // namespace

at::Tensor read_embeddings(const std::string& option, const std::string& file, int64_t width) {
  at::Tensor array = read_npy(file);
  const bool one = array.dim() == 1;
  const bool fits = (one || array.dim() == 2) && array.numel() > 0 && array.size(-1) == width;
  if (!fits || !at::isFloatingType(array.scalar_type())) {
    throw InputError(c10::str(option, " '", file, "' must hold floating-point numbers of shape [", width, "] or [K, ",
                              width, "], the width of the model's output; it holds ", array.scalar_type(), " ",
                              array.sizes()));
  }
  if (!at::isfinite(array).all().item<bool>()) {
    throw InputError(option + " '" + file + "' holds NaN or infinite numbers");
  }
  return one ? array.unsqueeze(0) : array;
}

Similarity similarity(const TargetOptions& options) {
  return options.similarity == "dot" ? Similarity::kDot : Similarity::kCosine;
}

void add_target_options(CLI::App& command, TargetOptions& options) {
  constexpr const char* kGroup = "What to explain";
  constexpr int kMostTargets = 1'000'000;  // the model's output says more exactly
  CLI::Option* const classes = command
                                   .add_option("--class", options.classes,
                                               "Label or index of an output's entry; may be repeated [top prediction]")
                                   ->option_text("NAME|INDEX")
                                   ->allow_extra_args(false)
                                   ->group(kGroup);
  CLI::Option* const top = command.add_option("--top", options.top, "The K best predictions of each picture")
                               ->option_text("K")
                               ->check(CLI::Range(1, kMostTargets))
                               ->group(kGroup);
  CLI::Option* const embedding =
      command
          .add_option("--text-embedding", options.text_embedding,
                      "Array [d] or [K, d] to compare an embedding model's output with, such as embedded prompts")
          ->option_text("FILE.npy")
          ->group(kGroup);
  command.add_option("--similarity", options.similarity, "How it is compared: cosine or dot")
      ->option_text("NAME")
      ->check(CLI::IsMember({"cosine", "dot"}))
      ->capture_default_str()
      ->needs(embedding)
      ->group(kGroup);
  classes->excludes(top)->excludes(embedding);
  top->excludes(embedding);
}

void check_targets(const TargetOptions& options, const Bundle& bundle) {
  for (const std::string& name : options.classes) {
    bundle.class_index(name);
  }
  if (!options.text_embedding.empty()) {
    read_npy(options.text_embedding);
  } else if (options.classes.empty() && bundle.gives_embedding()) {
    fail_without_target();
  }
}

TargetChooser::TargetChooser(const TargetOptions& options, const Bundle& bundle, const Structure& structure)
    : labels_(bundle.labels), top_(options.top) {
  const int64_t width = structure.output_width;
  if (!options.text_embedding.empty()) {
    const at::Tensor vectors = read_embeddings("--text-embedding", options.text_embedding, width);
    fixed_ = Target(vectors, similarity(options));
    for (int64_t k = 0; k < vectors.size(0); ++k) {
      fixed_names_.push_back("embedding " + std::to_string(k));
    }
    return;
  }
  if (!options.classes.empty()) {
    std::vector<int64_t> indices;
    for (const std::string& name : options.classes) {
      indices.push_back(checked_class(bundle.class_index(name), width));
      fixed_names_.push_back(class_name(indices.back()));
    }
    fixed_ = Target(std::move(indices));
    return;
  }
  if (bundle.gives_embedding() || (labels_.empty() && structure.normalized_output)) {
    fail_without_target();
  }
  top_ = top_ == 0 ? 1 : top_;
  if (top_ > width) {
    throw InputError(c10::str("--top ", top_, " is more than the ", width, " entries of the model's output"));
  }
}

std::string TargetChooser::class_name(int64_t index) const {
  return labels_.empty() ? "class " + std::to_string(index) : labels_[static_cast<size_t>(index)];
}

ChosenTargets TargetChooser::choose(const at::Tensor& output) const {
  if (fixed_.empty()) {
    return top(output);
  }
  return {fixed_, std::vector(static_cast<size_t>(output.size(0)), fixed_names_)};
}

ChosenTargets TargetChooser::top(const at::Tensor& output) const {
  const at::Tensor indices = std::get<1>(at::topk(output.to(at::kCPU, at::kDouble), top_));
  ChosenTargets chosen{Target(indices), {}};
  for (int64_t image = 0; image < indices.size(0); ++image) {
    std::vector<std::string>& names = chosen.names.emplace_back();
    for (int64_t k = 0; k < top_; ++k) {
      names.push_back(class_name(indices[image][k].item<int64_t>()));
    }
  }
  return chosen;
}

}  // namespace legrad::apps
