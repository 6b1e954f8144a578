#include "graph/read/open.h"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>

#include "graph/ir/operators.h"
#include "graph/read/archive.h"
#include "graph/read/pt2.h"
#include "graph/read/zip_check.h"

namespace legrad::graph {
namespace {

// Whether a zip is what torch.export writes, now or in its older layout.
bool is_pt2(const std::filesystem::path& file) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(file.string());
    const auto records = reader.getAllRecords();
    return std::any_of(records.begin(), records.end(), [](const std::string& record) {
      return record == "archive_format" || record == "models/model.json" ||
             record == "serialized_exported_program.json";
    });
  } catch (const std::exception&) {
    return false;  // whoever reads it next says why
  }
}

}  // namespace

Source open_source(const std::filesystem::path& file) {
  check_zip(file);
  auto source = is_pt2(file) ? open_pt2(file) : open_archive(file);
  check_allowed(*source.graph);
  return source;
}

}  // namespace legrad::graph
