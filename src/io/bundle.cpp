#include <legrad/bundle.h>
#include <legrad/error.h>

#include <charconv>
#include <system_error>

#include "io/foreign_model.h"
#include "io/manifest.h"
#include "io/nearest_names.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;

std::string own_name(const fs::path& path) {
  const fs::path name = path.has_filename() ? path.filename() : path.parent_path().filename();
  return name.stem().string();
}

/// Entries whose label is `name`, in lower case if `lower` says so.
std::vector<size_t> entries_named(const std::string& name, const std::vector<std::string>& labels, bool lower) {
  std::vector<size_t> entries;
  for (size_t i = 0; i < labels.size(); ++i) {
    if ((lower ? io::lower_case(labels[i]) : labels[i]) == name) {
      entries.push_back(i);
    }
  }
  return entries;
}

[[noreturn]] void fail_unknown(const std::string& name, const std::vector<std::string>& labels) {
  if (labels.empty()) {
    throw InputError("class '" + name + "' is a name, but the model comes without labels; give an index");
  }
  std::string nearest;
  for (const std::string& label : io::nearest_names(name, labels)) {
    nearest += (nearest.empty() ? "'" : ", '") + label + "'";
  }
  throw InputError("unknown class '" + name + "'; the nearest of " + std::to_string(labels.size()) + " labels are " +
                   nearest);
}

int64_t checked_index(int64_t index, int64_t count) {
  if (count == 0) {  // nothing says how many there are; the target checks
    return index;
  }
  if (index < -count || index >= count) {
    throw InputError("class " + std::to_string(index) + " is out of range; the model has classes 0 to " +
                     std::to_string(count - 1));
  }
  return index < 0 ? index + count : index;
}

}  // namespace

Bundle Bundle::open(const fs::path& folder_or_file) {
  std::error_code error;
  const fs::file_status status = fs::status(folder_or_file, error);
  if (!fs::exists(status)) {
    throw ModelError("no model at '" + folder_or_file.string() +
                         "': no such file; give a folder with a manifest.json, or an exported model file",
                     Reason::kNotAModel);
  }
  Bundle bundle;
  if (fs::is_directory(status)) {
    const auto foreign = fs::exists(folder_or_file / "manifest.json", error) ? "" : io::foreign_folder(folder_or_file);
    if (!foreign.empty()) {
      throw ModelError("'" + folder_or_file.string() + "' has no manifest.json: " + foreign, Reason::kNotAModel);
    }
    bundle = io::read_manifest(folder_or_file);
  } else if (fs::is_regular_file(status)) {
    bundle.vision = folder_or_file;
  } else {
    throw ModelError("no model at '" + folder_or_file.string() + "': it is neither a folder nor an ordinary file",
                     Reason::kNotAModel);
  }
  if (bundle.name.empty()) {
    bundle.name = own_name(folder_or_file);
  }
  return bundle;
}

void Bundle::check(const Structure& structure) const {
  if (!labels.empty() && static_cast<int64_t>(labels.size()) != structure.output_width) {
    throw ModelError("model '" + name + "': the manifest has " + std::to_string(labels.size()) +
                         " labels, the model's output " + std::to_string(structure.output_width) +
                         " entries; correct field 'labels'",
                     Reason::kDamaged);
  }
  if (grid && *grid != structure.image->grid && preprocessing.size == structure.image->size) {
    throw ModelError("model '" + name + "': the manifest says a grid of " + std::to_string(grid->rows) + " x " +
                         std::to_string(grid->columns) + " patches, the model has " +
                         std::to_string(structure.image->grid.rows) + " x " +
                         std::to_string(structure.image->grid.columns) + "; correct field 'grid'",
                     Reason::kDamaged);
  }
}

int64_t Bundle::class_index(const std::string& name_or_index) const {
  int64_t index = 0;
  const char* const end = name_or_index.data() + name_or_index.size();
  const auto [rest, error] = std::from_chars(name_or_index.data(), end, index);
  if (error == std::errc() && rest == end) {
    return checked_index(index, static_cast<int64_t>(labels.size()));
  }
  std::vector<size_t> entries = entries_named(name_or_index, labels, false);
  if (entries.empty()) {
    entries = entries_named(io::lower_case(name_or_index), labels, true);
  }
  if (entries.empty()) {
    fail_unknown(name_or_index, labels);
  }
  if (entries.size() > 1) {  // ImageNet has two cranes
    throw InputError("class '" + name_or_index + "' is the name of entries " + std::to_string(entries[0]) + " and " +
                     std::to_string(entries[1]) + "; give an index");
  }
  return static_cast<int64_t>(entries[0]);
}

}  // namespace legrad
