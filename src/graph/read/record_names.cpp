#include "graph/read/record_names.h"

#include <legrad/error.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <unordered_set>

#include "io/nearest_names.h"

namespace legrad::graph {
namespace {

constexpr std::string_view kCode = "code/";

// What LibTorch's writer puts into every archive.
constexpr std::array<std::string_view, 6> kOfEveryArchive = {
    "version", "byteorder", ".data/version", ".data/serialization_id", ".format_version", ".storage_alignment"};

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// Whether what follows a folder's name is the name of a file right inside it.
bool is_plain(std::string_view text) { return !text.empty() && text.find('/') == std::string_view::npos; }

// What follows `start` in `name`; nothing where it does not start so.
std::string_view after(std::string_view name, std::string_view start) {
  return name.starts_with(start) ? name.substr(start.size()) : std::string_view();
}

bool belongs_to_torchscript(std::string_view name) {
  if (name == "data.pkl" || name == "constants.pkl" || name == "traced_inputs.pkl") return true;
  for (const char* folder : {"data/", "constants/", "traced_inputs/"}) {
    if (is_number(after(name, folder))) return true;
  }
  const auto code = after(name, kCode);
  return code.ends_with(".py") || code.ends_with(".py.debug_pkl") || !after(name, "extra/").empty();
}

bool belongs_to_program(std::string_view name) {
  if (name == "archive_format" || name == "archive_version" || name == "models/model.json") return true;
  for (const char* folder : {"data/weights/", "data/constants/", "data/sample_inputs/"}) {
    if (is_plain(after(name, folder))) return true;
  }
  return !after(name, "extra/").empty();
}

void check_name(const std::string& name) {
  const auto odd = [](unsigned char c) { return c < ' ' || c == '\\' || c == 127; };
  const bool leaves = name.empty() || ("/" + name + "/").find("/../") != std::string::npos ||
                      ("/" + name + "/").find("/./") != std::string::npos || name.find("//") != std::string::npos ||
                      name.front() == '/' || name.back() == '/' || std::any_of(name.begin(), name.end(), odd);
  constexpr size_t kMostLetters = 400;  // LibTorch cuts off what is longer
  if (leaves || name.size() > kMostLetters) {
    throw ModelError("holds a record whose name leaves the archive, or is none; it is refused", Reason::kNotAllowed);
  }
}

// Archives of other kinds, by a record that only they have.
void check_other_kinds(const std::unordered_set<std::string_view>& names) {
  if (names.contains("serialized_exported_program.json")) {
    throw ModelError(
        "has the older layout of torch.export, with pickled weights; export it again with torch 2.9 or newer",
        Reason::kNotAllowed);
  }
  if (names.contains("model.json")) {
    throw ModelError("has the layout of TorchScript before version 1.3; load it with torch and save it again",
                     Reason::kNotAllowed);
  }
  if (names.contains("bytecode.pkl")) {
    throw ModelError("is an archive for mobile devices; export the model with torch.jit.trace(model, images).save(...)",
                     Reason::kNotAllowed);
  }
}

}  // namespace

ArchiveKind check_record_names(const std::vector<std::string>& names) {
  std::unordered_set<std::string> different;
  for (const auto& name : names) {
    check_name(name);
    if (!different.insert(io::lower_case(name)).second) {
      throw ModelError("holds two records that LibTorch does not tell apart, \"" + name + "\"; it is refused",
                       Reason::kNotAllowed);
    }
  }
  const std::unordered_set<std::string_view> known(names.begin(), names.end());
  check_other_kinds(known);
  const bool program = known.contains("archive_format") || known.contains("models/model.json");
  if (program && !known.contains("models/model.json")) {
    throw ModelError(
        "holds no models/model.json (a compiled AOTInductor package?); expected torch.export.save(program, file)",
        Reason::kNotAModel);
  }
  const bool code = std::any_of(names.begin(), names.end(), [](const auto& name) { return name.starts_with(kCode); });
  if (!program && (!known.contains("constants.pkl") || !known.contains("data.pkl") || !code)) {
    throw ModelError(std::string(known.contains("data.pkl") ? "holds weights or a pickled Python object, no program"
                                                            : "is no TorchScript archive") +
                         "; export the model with torch.jit.trace(model, images).save(...)",
                     Reason::kNotAModel);
  }
  for (const auto& name : names) {
    const bool common = std::find(kOfEveryArchive.begin(), kOfEveryArchive.end(), name) != kOfEveryArchive.end();
    if (common || (program ? belongs_to_program(name) : belongs_to_torchscript(name))) continue;
    throw ModelError("holds a record \"" + name + "\", which no exported model has; it is refused",
                     Reason::kNotAllowed);
  }
  return program ? ArchiveKind::kExportedProgram : ArchiveKind::kTorchScript;
}

}  // namespace legrad::graph
