#include "apps/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "io/words.h"

namespace legrad::apps {
namespace {

/// Letters of UTF-8 text.
size_t letters(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char byte) { return (byte & 0xc0) != 0x80; }));
}

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], letters(row[column]));
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      text += row[column];
      if (column + 1 < row.size()) {
        text.append(widths[column] + 2 - letters(row[column]), ' ');
      }
    }
    text += '\n';
  }
  return text;
}

std::string score_text(double score) {
  char text[64];
  std::snprintf(text, sizeof text, std::abs(score) < 1e9 ? "%.4f" : "%.4g", score);
  return text;
}

QuietStderr::QuietStderr() {
  std::fflush(stderr);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) {
    return;
  }
  saved_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (saved_ >= 0) {
    dup2(nowhere, STDERR_FILENO);
  }
  close(nowhere);
}

QuietStderr::~QuietStderr() {
  if (saved_ >= 0) {
    std::fflush(stderr);
    dup2(saved_, STDERR_FILENO);
    close(saved_);
  }
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

StatusLine::StatusLine() {
  if (isatty(STDERR_FILENO) == 1) terminal_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

StatusLine::~StatusLine() {
  if (terminal_ < 0) return;
  if (written_) dprintf(terminal_, "\r\033[K");
  close(terminal_);
}

void StatusLine::show(const std::string& text) {
  if (terminal_ < 0) return;
  written_ = true;
  dprintf(terminal_, "\r\033[K%s", io::one_line(text).c_str());
}

void Progress::step(const std::string& what) {
  ++done_;
  if (steps_ > 1) line_.show(std::to_string(done_) + " of " + std::to_string(steps_) + ": " + what);
}

}  // namespace legrad::apps
