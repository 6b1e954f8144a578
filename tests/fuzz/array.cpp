// NumPy arrays, as images and embeddings are given.

#include <legrad/npy.h>

#include "fuzz/reading.h"
#include "fuzz/targets.h"

namespace legrad::fuzz {

void array(std::string_view input) {
  const MemoryFile file(input);
  refused_or_read([&] {
    const auto array = read_npy(file.path());
    if (array.numel() > static_cast<int64_t>(input.size()))
      throw std::logic_error("more numbers than the file has bytes");
  });
}

}  // namespace legrad::fuzz
