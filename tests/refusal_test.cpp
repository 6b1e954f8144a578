// Files that must be refused: quickly, in one line that names what is wrong, without crash, hang, gigabytes or a file touched.
// Every file is loaded in a process of its own (made by tests/oracle/make_refusals.py; each has one thing wrong).

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/vit.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;

constexpr double kSecondsAllowed = 5;  // of the processor, so that a busy machine fails no test
constexpr int kSecondsUntilKilled = 60;
constexpr rlim_t kAddressSpace = rlim_t{8} << 30;  // guards the machine that runs the test
constexpr int64_t kKilobytesAllowed = 1 << 20;

/// What became of loading a file.
struct Outcome {
  enum class Kind { kLoaded, kModelError, kOtherError, kKilled } kind = Kind::kKilled;
  std::string message;
  double seconds = 0;     ///< of processor time
  int64_t kilobytes = 0;  ///< resident at the peak
};

/// Loads in this process, in `folder`, and writes the outcome's kind and message to `channel`.
[[noreturn]] void load_in_child(const fs::path& file, const legrad::LoadOptions& options, const fs::path& folder,
                                int channel) {
  const rlimit limit = {kAddressSpace, kAddressSpace};
  setrlimit(RLIMIT_AS, &limit);
  fs::current_path(folder);
  std::string reply;
  try {
    legrad::Vit::load(file, options);
    reply = "L";
  } catch (const legrad::ModelError& error) {
    reply = std::string("M") + error.what();
  } catch (const std::exception& error) {
    reply = std::string("O") + error.what();
  }
  const auto written = write(channel, reply.data(), reply.size());
  _exit(written == static_cast<ssize_t>(reply.size()) ? 0 : 1);
}

std::string read_until_closed(int channel, std::chrono::steady_clock::time_point deadline) {
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

Outcome load(const fs::path& file, const legrad::LoadOptions& options, const fs::path& folder) {
  int channel[2];
  if (pipe(channel) != 0) {
    throw std::runtime_error("no pipe");
  }
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();  // nothing of LibTorch has run in this process, so there is no thread to lose
  if (child == 0) {
    close(channel[0]);
    load_in_child(file, options, folder, channel[1]);
  }
  close(channel[1]);
  const auto reply = read_until_closed(channel[0], start + std::chrono::seconds(kSecondsUntilKilled));
  const auto waited = Seconds(std::chrono::steady_clock::now() - start).count();
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
    outcome.kind = reply[0] == 'L'   ? Outcome::Kind::kLoaded
                   : reply[0] == 'M' ? Outcome::Kind::kModelError
                                     : Outcome::Kind::kOtherError;
    outcome.message = reply.substr(1);
  }
  return outcome;
}

fs::path refusals_folder() { return fs::path(LEGRAD_TEST_DATA) / "refusals"; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

struct Refusal {
  std::string file;
  std::vector<std::string> words;              ///< the message holds one of them, in any case
  std::optional<legrad::ImageSize> size = {};  ///< given when it is loaded
  std::string variant = {};                    ///< what sets it apart from another load of the same file
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.file << refusal.variant << ".pt"; }

class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, IsRefusedQuicklyAndByName) {
  const auto& [name, words, size, variant] = GetParam();
  const legrad::testing::TemporaryFolder folder;
  ASSERT_TRUE(name == "missing" || fs::exists(refusals_folder() / (name + ".pt")));

  legrad::LoadOptions options;
  options.input_size = size;
  const auto outcome = load(refusals_folder() / (name + ".pt"), options, folder.path());

  SCOPED_TRACE(name + ": " + outcome.message);
  RecordProperty("message", outcome.message);
  ASSERT_NE(outcome.kind, Outcome::Kind::kLoaded) << "was not refused";
  EXPECT_EQ(outcome.kind, Outcome::Kind::kModelError);
  EXPECT_EQ(outcome.message.find('\n'), std::string::npos) << "the message is not one line";
  EXPECT_TRUE(std::any_of(
      words.begin(), words.end(),
      [&](const std::string& word) { return lower(outcome.message).find(lower(word)) != std::string::npos; }))
      << "the message does not say what is wrong (" << testing::PrintToString(words) << ")";
  EXPECT_LE(outcome.seconds, kSecondsAllowed);
  EXPECT_LE(outcome.kilobytes, kKilobytesAllowed);
  EXPECT_EQ(folder.entries(), 0U) << "loading wrote a file";
}

const std::vector<std::string> kDamaged = {"CRC", "checksum", "damaged", "corrupt"};
const std::vector<std::string> kNoArchive = {"archive", "zip", "TorchScript"};
const std::vector<std::string> kLoop = {"loop", "iterations", "trips"};
const std::vector<std::string> kSize = {"bytes", "elements", "memory", "GiB", "MiB", "large", "size"};

INSTANTIATE_TEST_SUITE_P(
    Files, RefusalTest,
    testing::Values(
        // no model
        Refusal{"missing", {"exist", "no such", "not found", "no model file"}},
        Refusal{"folder", {"folder", "directory"}}, Refusal{"empty", {"empty", "archive", "zip"}},
        Refusal{"text", kNoArchive}, Refusal{"pickle", kNoArchive},
        Refusal{"state_dict", {"TorchScript", "code", "export"}},
        Refusal{"truncated", {"archive", "zip", "truncated", "incomplete"}}, Refusal{"flipped_weight", kDamaged},
        Refusal{"flipped_code", kDamaged}, Refusal{"short_weight", {"size", "bytes", "short", "damaged"}},
        // a model of another kind
        Refusal{"cnn", {"attention"}}, Refusal{"swin", {"attention", "window", "input size"}},
        Refusal{"swin", {"attention", "window"}, legrad::ImageSize{32, 32}, "_of_known_size"},
        Refusal{"text_ids", {"input", "image"}}, Refusal{"from_tokens", {"input", "image"}},
        Refusal{"two_images", {"input"}}, Refusal{"no_output_row", {"output"}}, Refusal{"quantised", {"quanti"}},
        // one line that cannot be explained rightly
        Refusal{"training_dropout", {"dropout", "training"}}, Refusal{"adds_noise", {"rand"}},
        Refusal{"branches_on_pixels", {"branch", "pixel", "depends", "prim::If"}},
        Refusal{"number_from_pixels", {"number from", "pixel", "depends", "aten::Float", "value of"}},
        Refusal{"mixes_images", {"batch", "other images", "images of"}},
        Refusal{"foreign_operator", {"legrad_test_foreign"}},
        // code that would do harm
        Refusal{"writes_a_file", {"aten::save", "torch.save", "file"}},
        Refusal{"state_writes_a_file", {"__setstate__"}}, Refusal{"state_loops_for_ever", {"__setstate__"}},
        Refusal{"loops_for_ever", kLoop}, Refusal{"loops_long", kLoop},
        Refusal{"loops_nested", {"loop", "iterations", "trips", "steps", "operations"}},
        Refusal{"zeros_of_terabytes", kSize}, Refusal{"repeats_to_terabytes", kSize},
        Refusal{"doubles_to_terabytes", kSize},
        Refusal{"list_of_terabytes",
                {"bytes", "elements", "memory", "GiB", "MiB", "large", "size", "list", "aten::mul"}},
        Refusal{"text_of_terabytes", {"bytes", "memory", "GiB", "MiB", "large", "size", "text", "string", "str"}}),
    [](const auto& info) { return info.param.file + info.param.variant; });

/// The model that the others are made of, without anything wrong: what is refused above is the one bad line.
TEST(RefusalControl, TheModelWithoutTheBadLineIsAccepted) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = load(refusals_folder() / "accepted.pt", {}, folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kLoaded) << outcome.message;
  EXPECT_LE(outcome.kilobytes, kKilobytesAllowed);
  EXPECT_EQ(folder.entries(), 0U);
}

}  // namespace
