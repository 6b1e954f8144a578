#pragma once

#include <legrad/error.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

namespace legrad::testing {

constexpr double kSecondsAllowed = 5;  // of the processor, so that a busy machine fails no test
constexpr int kSecondsUntilKilled = 60;
constexpr rlim_t kAddressSpace = rlim_t{8} << 30;  // guards the machine that runs the test
constexpr int64_t kKilobytesAllowed = 1 << 20;

/// What became of some work in a process of its own.
struct Outcome {
  enum class Kind { kDone, kModelError, kOtherError, kKilled } kind = Kind::kKilled;
  std::string message;
  Reason reason = Reason::kUnspecified;  ///< of a `ModelError`
  double seconds = 0;                    ///< of processor time
  int64_t kilobytes = 0;                 ///< resident at the peak
};

/// Works in this process, in `folder`, and writes the outcome's kind and message to `channel`.
[[noreturn]] inline void work_in_child(const std::function<void()>& work, const std::filesystem::path& folder,
                                       int channel) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow memory takes terabytes of addresses
  const rlimit limit = {kAddressSpace, kAddressSpace};
  setrlimit(RLIMIT_AS, &limit);
#endif
  std::filesystem::current_path(folder);
  std::string reply;
  try {
    work();
    reply = "D";
  } catch (const ModelError& error) {
    reply = std::string("M") + static_cast<char>(error.reason()) + error.what();
  } catch (const std::exception& error) {
    reply = std::string("O") + error.what();
  }
  const auto written = write(channel, reply.data(), reply.size());
  _exit(written == static_cast<ssize_t>(reply.size()) ? 0 : 1);
}

inline std::string read_until_closed(int channel, std::chrono::steady_clock::time_point deadline) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd waiting = {channel, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0) {
      return text;
    }
    const auto count = read(channel, buffer, sizeof(buffer));
    if (count <= 0) {
      return text;
    }
    text.append(buffer, static_cast<size_t>(count));
  }
}

/// Does some work in a process of its own, whose working directory is `folder`. Nothing of LibTorch may have run in
/// this one.
inline Outcome in_child(const std::function<void()>& work, const std::filesystem::path& folder) {
  int channel[2];
  if (pipe(channel) != 0) {
    throw std::runtime_error("no pipe");
  }
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    close(channel[0]);
    work_in_child(work, folder, channel[1]);
  }
  close(channel[1]);
  const auto reply = read_until_closed(channel[0], start + std::chrono::seconds(kSecondsUntilKilled));
  const auto waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  close(channel[0]);
  if (reply.empty()) {
    kill(child, SIGKILL);
  }
  int status = 0;
  rusage usage = {};
  wait4(child, &status, 0, &usage);
  Outcome outcome;
  outcome.kilobytes = usage.ru_maxrss;
  for (const auto& time : {usage.ru_utime, usage.ru_stime}) {
    outcome.seconds += static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  }
  if (reply.empty()) {
    outcome.message = waited < kSecondsUntilKilled ? "the process died" : "the process had to be killed";
  } else {
    outcome.kind = reply[0] == 'D'   ? Outcome::Kind::kDone
                   : reply[0] == 'M' ? Outcome::Kind::kModelError
                                     : Outcome::Kind::kOtherError;
    outcome.message = reply.substr(1);
    if (outcome.kind == Outcome::Kind::kModelError) {
      outcome.reason = static_cast<Reason>(outcome.message.at(0));
      outcome.message.erase(0, 1);
    }
  }
  return outcome;
}

}  // namespace legrad::testing
