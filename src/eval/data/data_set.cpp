#include <legrad/error.h>
#include <legrad/eval/data_set.h>

#include <algorithm>
#include <array>

#include "eval/data/formats.h"
#include "io/words.h"

namespace legrad::eval {
namespace {

struct Format {
  const char* name;
  std::unique_ptr<DataSet> (*open)(const std::filesystem::path& path, const DataOptions& options);
};

// Our own scenes are written as COCO.
constexpr std::array kFormats = {
    Format{"coco", data::open_coco},
    Format{"folders", data::open_folders},
    Format{"masks", data::open_masks},
    Format{"openimages", data::open_openimages},
    Format{"funnybirds", data::open_funnybirds},
    Format{"scenes", data::open_coco},
};

}  // namespace

const std::vector<std::string>& data_formats() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    all.reserve(kFormats.size());
    for (const Format& format : kFormats) all.emplace_back(format.name);
    return all;
  }();
  return names;
}

std::unique_ptr<DataSet> open_data_set(const std::filesystem::path& path, const std::string& format,
                                       const DataOptions& options) {
  const auto* const found = std::ranges::find(kFormats, format, &Format::name);
  if (found == kFormats.end()) {
    throw InputError("'" + io::one_line(format) + "' is no known layout of data; known are " +
                     io::joined(data_formats()));
  }
  return found->open(path, options);
}

}  // namespace legrad::eval
