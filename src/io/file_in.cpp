#include "io/file_in.h"

#include <legrad/error.h>

#include <algorithm>
#include <string>
#include <system_error>

namespace legrad::io {

namespace fs = std::filesystem;

fs::path file_in(const fs::path& folder, const JsonFields& fields, const char* field) {
  const std::string name = fields.string(field);
  const std::string names = std::string("field '") + field + "' names '" + name + "', which ";
  if (name.empty() || name.find('\0') != std::string::npos) {
    fields.fail(field, "a file's name");
  }
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  fs::path file = error ? fs::path() : fs::canonical(root / name, error);
  if (error) {
    throw ModelError(names + "is not there", Reason::kDamaged);
  }
  const auto [end, ignored] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  if (end != root.end()) {
    throw ModelError(names + "lies outside the model's folder", Reason::kNotAllowed);
  }
  if (!fs::is_regular_file(file, error)) {
    throw ModelError(names + "is no file", Reason::kDamaged);
  }
  return file;
}

}  // namespace legrad::io
