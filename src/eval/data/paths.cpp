#include "eval/data/paths.h"

#include <legrad/error.h>
#include <legrad/image.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "io/nearest_names.h"
#include "io/words.h"

namespace legrad::eval::data {

namespace fs = std::filesystem;

fs::path path_in(const fs::path& folder, const std::string& name) {
  const fs::path path = name;
  const bool leaves = path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end();
  if (name.empty() || leaves || name.find('\0') != std::string::npos) {
    throw InputError("'" + io::one_line(name) + "' names no file in the folder of the data");
  }
  return folder / path;
}

bool has_picture_ending(const fs::path& file) {
  constexpr std::array kEndings = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"};
  return std::ranges::find(kEndings, io::lower_case(file.extension().string())) != kEndings.end();
}

const fs::path& checked_folder(const fs::path& path, const std::string& what) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    throw InputError("'" + path.string() + "' is no folder; it should be " + what);
  }
  return path;
}

void check_size(const fs::path& picture, ImageSize masks) {
  const ImageSize size = image_size(picture);
  if (size.height != masks.height || size.width != masks.width) {
    const auto words = [](ImageSize of) { return std::to_string(of.width) + " x " + std::to_string(of.height); };
    throw InputError("its masks are of " + words(masks) + " pixels, but picture '" + picture.string() + "' has " +
                     words(size));
  }
}

Listing list(const fs::path& folder) {
  Listing listing;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      std::string name = entry.path().filename().string();
      if (!name.starts_with('.')) (entry.is_directory() ? listing.folders : listing.files).push_back(std::move(name));
    }
  } catch (const fs::filesystem_error& error) {
    throw InputError("cannot list folder '" + folder.string() + "': " + error.code().message());
  }
  std::ranges::sort(listing.folders);
  std::ranges::sort(listing.files);
  return listing;
}

}  // namespace legrad::eval::data
