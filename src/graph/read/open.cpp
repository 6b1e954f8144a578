#include "graph/read/open.h"

#include "graph/ir/operators.h"
#include "graph/read/archive.h"
#include "graph/read/pt2.h"
#include "graph/read/torchscript.h"

namespace legrad::graph {

Source open_source(const std::filesystem::path& file) {
  const Archive archive(file);
  auto source = archive.kind() == ArchiveKind::kExportedProgram ? read_program(archive) : read_torchscript(archive);
  check_allowed(*source.graph);
  return source;
}

}  // namespace legrad::graph
