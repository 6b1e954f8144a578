#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace legrad::apps {

/// Rows of cells as columns two blanks apart; the first row is the header. Ends with a line end.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// A score with four decimals.
std::string score_text(double score);

/// While it lives, what anything writes to stderr is lost. For picture decoders and TorchScript, which write warnings
/// there; what is wrong comes as an exception.
class QuietStderr {
 public:
  QuietStderr();
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;
  ~QuietStderr();

 private:
  int saved_ = -1;
};

template <class Call>
auto quietly(const Call& call) {
  const QuietStderr quiet;
  return call();
}

/// 0.123 is "12.3 %".
std::string percent(double share);

/// One line on stderr that is written over, and gone at the end; nothing unless stderr is a terminal. It is seen while
/// stderr is quiet, too.
class StatusLine {
 public:
  StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine();
  void show(const std::string& text);

 private:
  int terminal_ = -1;
  bool written_ = false;
};

/// "3 of 12: cat.png" in a status line; nothing where there is only one step.
class Progress {
 public:
  explicit Progress(size_t steps) : steps_(steps) {}
  void step(const std::string& what);

 private:
  StatusLine line_;
  size_t steps_;
  size_t done_ = 0;
};

}  // namespace legrad::apps
