#include "apps/pictures.h"

#include <legrad/error.h>
#include <legrad/image.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "apps/terminal.h"
#include "io/nearest_names.h"

namespace legrad::apps {
namespace {

at::Tensor read_quietly(const std::string& file) {
  const QuietStderr quiet;
  return read_image(file);
}

bool is_named_like_a_picture(const std::filesystem::path& file) {
  constexpr std::array<std::string_view, 11> kEnds = {".png",  ".jpg", ".jpeg", ".webp", ".bmp", ".tif",
                                                      ".tiff", ".pnm", ".ppm",  ".pgm",  ".pbm"};
  return std::ranges::count(kEnds, io::lower_case(file.extension().string())) > 0;
}

std::vector<std::string> pictures_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (is_named_like_a_picture(entry->path())) files.push_back(entry->path().string());
  }
  if (error) throw InputError("'" + folder + "': " + error.message());
  if (files.empty()) throw InputError("'" + folder + "' holds no pictures (.png, .jpg, .webp, .bmp, .tif, .pnm, …)");
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::vector<std::string> picture_files(const std::vector<std::string>& files_or_folders) {
  std::vector<std::string> files;
  for (const std::string& given : files_or_folders) {
    std::error_code error;
    if (std::filesystem::is_directory(given, error)) {
      std::ranges::move(pictures_in(given), std::back_inserter(files));
    } else {
      files.push_back(given);
    }
  }
  return files;
}

Pictures::Pictures(std::vector<std::string> files, uint64_t bytes_kept) : files_(std::move(files)) {
  uint64_t bytes = 0;
  for (const std::string& file : files_) {
    const ImageSize size = image_size(file);
    bytes += static_cast<uint64_t>(size.height * size.width * 3);
  }
  keep_ = bytes <= bytes_kept;
}

void Pictures::each(const std::function<void(const std::string& file, const at::Tensor& picture)>& use) {
  std::vector<at::Tensor> kept;
  for (size_t i = 0; keep_ && i < files_.size(); ++i) kept.push_back(read_quietly(files_[i]));

  Progress progress(files_.size());
  for (size_t i = 0; i < files_.size(); ++i) {
    progress.step(files_[i]);
    at::Tensor picture;
    try {
      picture = keep_ ? std::exchange(kept[i], {}) : read_quietly(files_[i]);
    } catch (const InputError& error) {
      left_out_.emplace_back(error.what());
      continue;
    }
    use(files_[i], picture);
  }
  if (left_out_.size() == files_.size()) check_all_were_used();
}

void Pictures::check_all_were_used() const {
  if (left_out_.empty()) return;
  const std::string others = left_out_.size() == files_.size() ? "" : "; the others were explained";
  throw InputError(std::to_string(left_out_.size()) + " of " + std::to_string(files_.size()) +
                   " pictures left out: " + left_out_.front() + (left_out_.size() > 1 ? ", ..." : "") + others);
}

}  // namespace legrad::apps
