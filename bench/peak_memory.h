#pragma once

#include <malloc.h>

#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>

namespace legrad::bench {

/// A row of /proc/self/status that is an amount of memory, in MiB.
inline double own_mib(const std::string& row) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(row + ":", 0) == 0) return std::stod(line.substr(row.size() + 1)) / 1024;
  }
  throw std::runtime_error("/proc/self/status has no row " + row);
}

/// The most resident memory while `work` runs, above what was resident before, in MiB, as the kernel keeps it. Memory
/// that the allocator keeps from earlier work is given back first.
inline double peak_above_now(const std::function<void()>& work) {
  malloc_trim(0);
  std::ofstream anew("/proc/self/clear_refs");
  anew << 5 << std::flush;  // from here on the kernel's peak, VmHWM, is one of what is resident now
  if (!anew) throw std::runtime_error("/proc/self/clear_refs cannot be written, and a peak not be told from an earlier one");
  const double before = own_mib("VmRSS");
  work();
  return own_mib("VmHWM") - before;
}

}  // namespace legrad::bench
