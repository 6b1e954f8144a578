#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace legrad::testing {

/// What a program did.
struct Ran {
  int code = -1;  ///< exit code; -1 where it was killed by a signal
  std::string out;
  std::string err;
};

/// Runs a program without a shell, so that arguments are what they are.
inline Ran run_program(const std::string& program, const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  const std::string err = folder / "err";
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const bool redirected =
        std::freopen(out.c_str(), "wb", stdout) != nullptr && std::freopen(err.c_str(), "wb", stderr) != nullptr;
    if (redirected) {
      execv(program.c_str(), argv.data());
    }
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, file_bytes(out), file_bytes(err)};
}

}  // namespace legrad::testing
