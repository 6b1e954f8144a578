#include "graph/read/open.h"

#include <legrad/error.h>

#include "graph/ir/operators.h"
#include "graph/read/archive.h"
#include "graph/read/pt2.h"
#include "graph/read/torchscript.h"
#include "io/foreign_model.h"

namespace legrad::graph {

Source open_source(const std::filesystem::path& file) {
  if (const auto foreign = io::foreign_file(file); !foreign.empty()) {
    throw ModelError("\"" + file.string() + "\" is no exported model: " + foreign, Reason::kNotAModel);
  }
  const Archive archive(file);
  auto source = archive.kind() == ArchiveKind::kExportedProgram ? read_program(archive) : read_torchscript(archive);
  check_allowed(*source.graph);
  return source;
}

}  // namespace legrad::graph
