#include "graph/ir/budget.h"

#include <ATen/Parallel.h>
#include <legrad/error.h>

#include <algorithm>
#include <ctime>

namespace legrad::graph {
namespace {

double seconds(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

[[noreturn]] void too_much(const Node* node, const std::string& why) {
  throw ModelError("refused at " + describe(node) + ": " + why, Reason::kTooLarge);
}

}  // namespace

Budget::Budget(int64_t largest, int64_t parameters, int64_t pixels)
    : process_start_(seconds(CLOCK_PROCESS_CPUTIME_ID)), thread_start_(seconds(CLOCK_THREAD_CPUTIME_ID)) {
  // Scores, their softmax, and a product on the way to each.
  constexpr int64_t kTimesLargest = 4;
  most_bytes_ = kTimesLargest * largest;
  // A forward at 224 x 224 with patches of 14 takes about 500 operations for each parameter, on a slow processor 3e-8
  // s, and attention takes some for each two pixels: ten times that, and what starting LibTorch's kernels takes.
  constexpr double kAtLeast = 8;
  constexpr double kPerParameter = 3e-7;
  constexpr double kPerTwoPixels = 5e-11;
  constexpr double kUsualPixels = 3.0 * 224 * 224;
  const auto numbers = static_cast<double>(pixels);
  most_seconds_ = kAtLeast + kPerTwoPixels * numbers * numbers +
                  kPerParameter * static_cast<double>(parameters) * std::max(1.0, numbers / kUsualPixels);
}

void Budget::hold(const Node* node, const std::vector<c10::IValue>& results) {
  for (const auto& result : results) {
    if (result.isTensor()) hold(result.toTensor());
    if (result.isTensorList()) {
      for (const at::Tensor& tensor : result.toTensorVector()) hold(tensor);
    }
  }
  if (bytes_ > most_bytes_) forget_freed();
  if (bytes_ > most_bytes_) {
    too_much(node, "the model holds more than " + std::to_string(most_bytes_ >> 20) + " MiB at one time");
  }
  check_time(node);
}

void Budget::hold(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.has_storage() || tensor.device().is_meta()) return;
  const auto& storage = tensor.storage();
  const auto [place, added] = held_.try_emplace(
      storage.unsafeGetStorageImpl(), Held{storage.getWeakStorageImpl(), static_cast<int64_t>(storage.nbytes())});
  if (added) bytes_ += place->second.bytes;
  constexpr size_t kManyFreed = 10'000;
  if (held_.size() > kManyFreed && added) forget_freed();
}

void Budget::forget_freed() {
  std::erase_if(held_, [&](const auto& entry) {
    const bool freed = entry.second.storage.expired();
    if (freed) bytes_ -= entry.second.bytes;
    return freed;
  });
}

void Budget::check_time(const Node* node) const {
  // What this process took since, but no more than if all that help this thread were as busy as it is: others in the
  // same process have work of their own.
  const double thread = seconds(CLOCK_THREAD_CPUTIME_ID) - thread_start_;
  const double process = seconds(CLOCK_PROCESS_CPUTIME_ID) - process_start_;
  if (std::min(process, thread * at::get_num_threads()) + charged_seconds_ > most_seconds_) {
    too_much(node, "the model takes more than " + std::to_string(static_cast<int64_t>(most_seconds_)) +
                       " seconds of the processor for one run");
  }
}

}  // namespace legrad::graph
