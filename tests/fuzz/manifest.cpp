// A bundle's manifest and, behind a zero byte, the name of a class to look for in its labels.

#include <legrad/bundle.h>

#include <fstream>

#include "fuzz/reading.h"
#include "fuzz/targets.h"
#include "support/temporary_folder.h"

namespace legrad::fuzz {
namespace {

/// A folder with the file that manifests name.
class Folder : public testing::TemporaryFolder {
 public:
  Folder() { std::ofstream(path() / "vision.ts") << "x"; }
};

}  // namespace

void manifest(std::string_view input) {
  static const Folder folder;
  const auto end = input.find('\0');
  std::ofstream(folder.path() / "manifest.json", std::ios::binary) << input.substr(0, end);
  refused_or_read([&] {
    const auto bundle = Bundle::open(folder.path());
    if (end != std::string_view::npos) (void)bundle.class_index(std::string(input.substr(end + 1)));
  });
}

}  // namespace legrad::fuzz
