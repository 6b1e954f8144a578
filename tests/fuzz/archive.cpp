// An archive's inventory: its directory, the names, places, sizes and checksums of its records, and whether LibTorch
// sees the same ones.

#include "graph/read/archive.h"

#include "fuzz/reading.h"
#include "fuzz/targets.h"

namespace legrad::fuzz {

void archive(std::string_view input) {
  const MemoryFile file(input);
  refused_or_read([&] {
    const graph::Archive archive(file.path());
    for (const auto& [name, entry] : archive.records()) {
      if (archive.text(name).size() != entry.size) throw std::logic_error("a record of another size");
    }
  });
}

}  // namespace legrad::fuzz
