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

/// Resident memory of this process in MiB, once what the allocator keeps from earlier work is given back.
inline double resident_mib() {
  malloc_trim(0);
  return own_mib("VmRSS");
}

/// The most resident memory while `work` runs, in MiB, as the kernel keeps it.
inline double peak_mib(const std::function<void()>& work) {
  malloc_trim(0);
  std::ofstream peak("/proc/self/clear_refs");
  peak << 5 << std::flush;  // forget earlier peaks
  if (!peak) throw std::runtime_error("/proc/self/clear_refs cannot be written, so earlier peaks cannot be forgotten");
  work();
  return own_mib("VmHWM");
}

}  // namespace legrad::bench
