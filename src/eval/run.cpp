#include <ATen/core/Tensor.h>
#include <legrad/error.h>
#include <legrad/eval/run.h>
#include <legrad/image.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "eval/picture_log.h"
#include "eval/settings.h"

namespace legrad::eval {
namespace {

/// A picture as it was read, or why it was not.
struct Decoded {
  Sample sample;
  at::Tensor picture;
  std::string left_out{};
};

/// Reads pictures ahead in a thread of its own, a few at most, in the data's order.
class Decoder {
 public:
  Decoder(DataSet& data, int64_t skipped, int64_t most) : data_(data), thread_([=, this] { work(skipped, most); }) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    {
      const std::scoped_lock lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::optional<Decoded> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty() || ended_; });
    if (waiting_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    Decoded first = std::move(waiting_.front());
    waiting_.pop_front();
    changed_.notify_all();
    return first;
  }

 private:
  static constexpr size_t kAhead = 3;

  std::optional<Decoded> read(int64_t index, bool only_count) {
    Decoded decoded;
    try {
      auto sample = data_.next();
      if (!sample) return std::nullopt;
      decoded.sample = std::move(*sample);
      if (!only_count) decoded.picture = read_image(decoded.sample.picture);
    } catch (const InputError& error) {
      if (decoded.sample.id.empty()) decoded.sample.id = "the data's picture number " + std::to_string(index + 1);
      decoded.left_out = error.what();
    }
    return decoded;
  }

  void work(int64_t skipped, int64_t most) {
    try {
      for (int64_t i = 0; i < most; ++i) {
        auto decoded = read(i, i < skipped);
        if (!decoded) break;
        if (i >= skipped && !hand_over(std::move(*decoded))) break;
      }
    } catch (...) {
      failure_ = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  bool hand_over(Decoded decoded) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < kAhead || stopped_; });
    if (stopped_) return false;
    waiting_.push_back(std::move(decoded));
    changed_.notify_all();
    return true;
  }

  DataSet& data_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Decoded> waiting_;
  bool ended_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses all of the above
};

Counted counted(const Evaluation& evaluation, const Decoded& decoded) {
  if (!decoded.left_out.empty()) return {decoded.sample.id, decoded.left_out, {}};
  try {
    return evaluation.count(decoded.sample, decoded.picture);
  } catch (const InputError& error) {
    return {decoded.sample.id, error.what(), {}};
  }
}

}  // namespace

void run(const Evaluation& evaluation, DataSet& data, const RunOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  PictureLog log(options.out / "pictures.jsonl", settings_of(evaluation, data, options.told), options.resume);
  const int64_t before = log.size();
  const int64_t most = options.limit > 0 ? options.limit : std::numeric_limits<int64_t>::max();
  std::optional<int64_t> all = data.size();
  if (all || options.limit > 0) all = std::min(all.value_or(most), most);

  Decoder decoder(data, before, most);
  while (const auto decoded = decoder.next()) {
    const Counted found = counted(evaluation, *decoded);
    if (options.strict && !found.left_out.empty()) throw InputError(found.left_out);
    log.add(found);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    if (options.progress) options.progress({log.size(), before, all, passed.count()});
  }
}

}  // namespace legrad::eval
