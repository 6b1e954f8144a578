#include "model/load.h"

#include <c10/core/impl/alloc_cpu.h>
#include <legrad/error.h>

#include <map>
#include <optional>
#include <utility>

#include "graph/passes/anatomy.h"
#include "graph/passes/input_size.h"
#include "graph/passes/straighten.h"
#include "graph/read/open.h"
#include "model/build.h"
#include "model/grad_scope.h"
#include "model/resize.h"
#include "model/shuffle.h"

namespace legrad::model {
namespace {

c10::ScalarType dtype_of(const std::vector<at::Tensor>& weights) {
  std::map<c10::ScalarType, int64_t> numbers;
  for (const auto& weight : weights) {
    if (weight.is_floating_point()) numbers[weight.scalar_type()] += weight.numel();
  }
  auto most = std::make_pair(c10::ScalarType::Float, int64_t{0});
  for (const auto& entry : numbers) {
    if (entry.second > most.second) most = entry;
  }
  return most.first;
}

}  // namespace

graph::StraightenOptions straighten_options(const graph::Source& source, const LoadOptions& options) {
  graph::StraightenOptions straighten;
  straighten.output = options.output;
  if (options.output_place) straighten.place = {(*options.output_place)[0], (*options.output_place)[1]};
  straighten.device = options.device;
  straighten.from_dtype = dtype_of(source.weights);
  straighten.to_dtype = options.dtype.value_or(straighten.from_dtype);
  if (!c10::isFloatingType(straighten.to_dtype)) throw InputError("the model's dtype must be a floating type");
  return straighten;
}

namespace {

// Tries a model at one size after another. Only a run that fails says that a size was wrong; what is refused at one
// size is refused at all, and the refusal is thrown on.
class SizeFinder {
 public:
  SizeFinder(const graph::Source& source, const graph::StraightenOptions& straighten, int64_t pack_bytes)
      : source_(source), straighten_(straighten), pack_bytes_(pack_bytes), hint_(graph::input_hint(source)) {}

  // At the size the caller gives; where the model fails on that, it is resized from its own.
  std::shared_ptr<const Network> build_at(ImageSize size) const {
    if (size.height < 1 || size.width < 1) throw InputError("the input size must be positive", Reason::kSizeUnfit);
    const auto given = attempt(size);
    if (given.network) return given.network;
    const auto own = attempt_own();
    if (!own) throw graph::ExecutionError(*given.failure);
    return resize(*own, size);
  }

  // At the size that the model's file or weights tell.
  std::shared_ptr<const Network> build_at_own() const {
    if (auto network = attempt_own()) return network;
    // Nothing tells the size. A common one shows whether the model could be explained at all; if so, ask.
    if (!attempt({224, 224}).network && !hint_.patches && hint_.candidates.empty()) {
      throw ModelError(
          "no patch embedding was found (a convolution over images [B, C, H, W], or a linear layer over patches whose "
          "size tells that of the images); expected a vision tower that takes images. If it is one, give their size "
          "(LoadOptions::input_size)",
          Reason::kOtherInput);
    }
    throw ModelError(
        "the input size cannot be told from the model (no position embedding was found, or it fits no square grid); "
        "give the size of its images (LoadOptions::input_size)",
        Reason::kSizeUnknown);
  }

 private:
  struct Attempt {
    std::shared_ptr<Network> network;
    std::optional<graph::ExecutionError> failure;  // where there is no network
  };

  // On two images, so that what belongs to the batch shows; or on one, where the file holds a batch of that, makes one
  // for its example, or goes through its images in a loop.
  Attempt attempt(ImageSize size) const {
    std::optional<graph::ExecutionError> failure;
    std::optional<ModelError> refusal;
    try {
      return {build(source_, 2, size, hint_.channels, straighten_, pack_bytes_), std::nullopt};
    } catch (const graph::ExecutionError& error) {
      failure = error;
    } catch (const ModelError& error) {
      if (!may_be_of_the_batch(error.reason())) throw;
      refusal = error;
    }
    try {
      auto network = build(source_, 1, size, hint_.channels, straighten_, pack_bytes_);
      const bool stands_for_a_batch =
          !refusal || refusal->reason() == Reason::kBatchUnfit || stands_for_each_image(*network, source_, straighten_);
      if (stands_for_a_batch) return {network, std::nullopt};
    } catch (const graph::ExecutionError& error) {
      if (refusal) refuse_batch_of_two(*refusal);
      failure = error;
    } catch (const ModelError& error) {
      if (!refusal || refusal->reason() == Reason::kBatchUnfit) throw;
    }
    if (refusal) throw ModelError(*refusal);
    if (hint_.batch > 2) refuse_batch_of(hint_.batch, Reason::kBatchUnfit);
    return {nullptr, failure};
  }

  static bool may_be_of_the_batch(Reason reason) {
    return reason == Reason::kBatchUnfit || reason == Reason::kNotOneStream || reason == Reason::kUnknownAttention ||
           reason == Reason::kSeveralPoolers;
  }

  // A file that runs on two images and not on one.
  [[noreturn]] static void refuse_batch_of_two(const ModelError& refusal) {
    if (refusal.reason() == Reason::kBatchUnfit) refuse_batch_of(2, Reason::kBatchUnfit);
    refuse_batch_of(2, refusal.reason(), std::string("; as it stands: ") + refusal.what());
  }

  [[noreturn]] static void refuse_batch_of(int64_t images, Reason reason, const std::string& more = {}) {
    throw ModelError("the file holds a batch of exactly " + std::to_string(images) +
                         " images; export it with a dynamic batch, or for one image" + more,
                     reason);
  }

  std::shared_ptr<const Network> attempt_own() const {
    for (const auto& size : hint_.candidates) {
      const auto found = attempt(size).network;
      if (!found) continue;
      found->structure.image->size_guessed = hint_.guessed;
      return found;
    }
    return nullptr;
  }

  const graph::Source& source_;
  const graph::StraightenOptions& straighten_;
  int64_t pack_bytes_;
  graph::InputHint hint_;
};

// glibc gives freed memory back to the system, and layers then get theirs from it again page by page: for a batch of 8
// that is 7 % of the time. It keeps twice as much as the largest block under 32 MiB that ever came back, so one comes
// and goes here, untouched. What a program sets (mallopt, GLIBC_TUNABLES) stands.
void let_heap_keep() { c10::free_cpu(c10::alloc_cpu((32U << 20U) - (1U << 14U))); }

}  // namespace

std::shared_ptr<const Network> load_network(const std::filesystem::path& file, const LoadOptions& options) {
  const GradScope scope(false);
  let_heap_keep();
  auto source = graph::open_source(file);
  graph::check_has_attention(source);
  if (options.shuffled_weights) {
    shuffle(source.weights, *options.shuffled_weights);
    source.quantised = nullptr;  // its weights are packed, and stay where they are
  }
  const auto straighten = straighten_options(source, options);
  graph::convert(source, straighten.device, straighten.from_dtype, straighten.to_dtype);
  const SizeFinder sizes(source, straighten, options.pack_bytes);
  return options.input_size ? sizes.build_at(*options.input_size) : sizes.build_at_own();
}

}  // namespace legrad::model
