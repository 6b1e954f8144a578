#include "apps/output_files.h"

#include <legrad/error.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "io/nearest_names.h"

namespace legrad::apps {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongest = 100;  // bytes of a stem or label in a name; file systems stop at 255

/// At most `kLongest` bytes of UTF-8 text, no letter cut in two.
std::string shortened(std::string text) {
  if (text.size() > kLongest) {
    size_t end = kLongest;
    while (end > 0 && (text[end] & 0xc0) == 0x80) {
      --end;
    }
    text.resize(end);
  }
  return text;
}

/// "tabby, tabby cat" as "tabby-tabby-cat".
std::string plain(const std::string& label) {
  std::string name;
  for (const char letter : io::lower_case(label)) {
    if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) {
      name += letter;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') {
    name.pop_back();
  }
  return name.empty() ? "target" : shortened(name);
}

[[noreturn]] void fail(const fs::path& folder, const std::string& reason) {
  throw InputError("--out '" + folder.string() + "': " + reason + "; choose a folder you may write to");
}

}  // namespace

OutputFiles::OutputFiles(fs::path folder, const std::vector<std::string>& inputs)
    : folder_(std::move(folder)), inputs_(inputs) {
  if (folder_.empty()) {
    throw InputError("--out is empty; give a folder to write into");
  }
  // The folder itself, or the nearest one above it that is there, must let us in.
  std::error_code error;
  fs::path there = fs::absolute(folder_);
  while (!fs::exists(fs::symlink_status(there, error)) && there.has_relative_path()) {
    there = there.parent_path();
  }
  if (!fs::is_directory(there, error)) {
    fail(folder_, "'" + there.string() + "' is no folder");
  }
  if (access(there.c_str(), W_OK | X_OK) != 0) {
    fail(folder_, "'" + there.string() + "': " + std::error_code(errno, std::generic_category()).message());
  }
}

bool OutputFiles::take(const std::string& name, std::set<std::string>& taken) {
  return taken.insert(io::lower_case(name)).second;  // some file systems do not tell A from a
}

std::string OutputFiles::stem(const fs::path& picture) {
  const std::string own = shortened(picture.stem().string());
  std::string stem = own;
  for (int number = 2; !take(stem, stems_); ++number) {
    stem = own + "-" + std::to_string(number);
  }
  return stem;
}

fs::path OutputFiles::overlay(const std::string& stem, const std::string& label) {
  return file(stem + "-" + plain(label) + ".png");
}

fs::path OutputFiles::file(const std::string& name) {
  const fs::path wanted = name;
  fs::path path = folder_ / wanted;
  const auto is_input = [&](const std::string& input) {
    std::error_code error;
    return fs::equivalent(path, input, error);
  };
  for (int number = 2; !take(path.filename().string(), names_) || std::ranges::any_of(inputs_, is_input); ++number) {
    path = folder_ / (wanted.stem().string() + "-" + std::to_string(number) + wanted.extension().string());
  }
  return path;
}

void OutputFiles::make_folder() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    fail(folder_, error.message());
  }
}

}  // namespace legrad::apps
