#include "eval/data/file_walk.h"

#include <legrad/error.h>

#include <algorithm>
#include <utility>

#include "eval/data/paths.h"

namespace legrad::eval::data {

FileWalk::FileWalk(const std::filesystem::path& folder) { enter(folder); }

void FileWalk::enter(const std::filesystem::path& folder) {
  constexpr size_t kMaxDepth = 16;
  if (levels_.size() == kMaxDepth) {
    throw InputError("folder '" + folder.string() + "' is more than " + std::to_string(kMaxDepth) + " folders deep");
  }
  std::error_code ignored;
  const auto is_it = [&](const Level& level) { return std::filesystem::equivalent(level.path, folder, ignored); };
  if (std::ranges::any_of(levels_, is_it)) return;  // a link that leads back
  Listing listing = list(folder);
  std::ranges::reverse(listing.folders);
  std::ranges::reverse(listing.files);
  levels_.push_back({folder, std::move(listing.folders), std::move(listing.files)});
}

std::optional<std::filesystem::path> FileWalk::next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (!level.files.empty()) {
      std::filesystem::path file = level.path / level.files.back();
      level.files.pop_back();
      return file;
    }
    if (level.folders.empty()) {
      levels_.pop_back();
      continue;
    }
    const std::filesystem::path folder = level.path / level.folders.back();
    level.folders.pop_back();  // before it is entered: a folder that cannot be listed is passed over by the next call
    enter(folder);
  }
  return std::nullopt;
}

}  // namespace legrad::eval::data
