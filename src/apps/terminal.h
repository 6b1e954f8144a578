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

/// "3 of 12: cat.png" on stderr, in one line that is written over; nothing unless stderr is a terminal and there is
/// more than one step.
class Progress {
 public:
  explicit Progress(size_t steps);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();
  void step(const std::string& what);

 private:
  size_t steps_;
  size_t done_ = 0;
  bool shown_;
};

}  // namespace legrad::apps
