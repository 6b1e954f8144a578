#pragma once

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

namespace legrad::bench {

/// Resident memory of this process in MiB.
inline double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0;
  long resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// The most resident memory while `work` runs, above what was resident before, in MiB. Memory that the allocator keeps
/// from earlier work is given back first. Sampled every half millisecond.
inline double peak_above_now(const std::function<void()>& work) {
  malloc_trim(0);
  const double before = resident_mib();
  std::atomic<bool> done = false;
  double peak = before;
  std::thread sampler([&] {
    while (!done) {
      peak = std::max(peak, resident_mib());
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  work();
  done = true;
  sampler.join();
  return peak - before;
}

}  // namespace legrad::bench
