#include "graph/read/open.h"

#include <legrad/error.h>

#include <string_view>
#include <vector>

#include "graph/ir/operators.h"
#include "graph/read/archive.h"
#include "graph/read/pt2.h"
#include "graph/read/torchscript.h"
#include "io/foreign_model.h"

namespace legrad::graph {
namespace {

// Where the forward of a DataParallel begins and ends, for whoever measures it; nothing is computed there.
void drop_profiler_marks(Graph& graph) {
  std::vector<Node*> marks;
  for_each_node(graph, [&](Node* node) {
    const bool profiler = std::string_view(node->kind().ns().toUnqualString()) == "profiler";
    if (profiler && is_profiler_mark(node->kind().toUnqualString())) marks.push_back(node);
  });
  for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark) {
    if (!(*mark)->hasUses()) (*mark)->destroy();
  }
}

}  // namespace

Source open_source(const std::filesystem::path& file) {
  if (const auto foreign = io::foreign_file(file); !foreign.empty()) {
    throw ModelError("\"" + file.string() + "\" is no exported model: " + foreign, Reason::kNotAModel);
  }
  const Archive archive(file);
  auto source = archive.kind() == ArchiveKind::kExportedProgram ? read_program(archive) : read_torchscript(archive);
  drop_profiler_marks(*source.graph);
  check_allowed(*source.graph);
  return source;
}

}  // namespace legrad::graph
