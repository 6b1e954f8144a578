#pragma once

#include <legrad/error.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "io/json_fields.h"

namespace legrad::eval::data {

/// Calls `read`; what it throws becomes an `InputError` that begins with `where`, as "annotations 'a.json'".
template <class Read>
auto told_with(const std::string& where, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw InputError(where + ": " + error.what(), error.reason());
  }
}

/// All of a small JSON file. `what` names it in messages ("label map"). Throws `InputError`.
nlohmann::json read_json(const std::filesystem::path& file, const char* what);

/// What `read` makes of a small file that holds one JSON object; errors name the file.
template <class Read>
auto read_json_object(const std::filesystem::path& file, const char* what, const Read& read) {
  const nlohmann::json document = read_json(file, what);
  return told_with(what + (" '" + file.string() + "'"), [&] { return read(io::JsonFields(document, "")); });
}

}  // namespace legrad::eval::data
