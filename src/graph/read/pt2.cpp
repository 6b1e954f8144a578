#include "graph/read/pt2.h"

#include <legrad/error.h>

#include "graph/read/pt2_graph.h"
#include "graph/read/pt2_json.h"
#include "graph/read/pt2_weights.h"

namespace legrad::graph {
namespace {

constexpr int64_t kSchemaMajor = 8;  // of torch/_export/serde/schema.py

std::string version_text(const nlohmann::json& program) {
  const auto& version = program.at("schema_version");
  const auto major = integer(version.at("major"));
  const auto text = std::to_string(major) + "." + std::to_string(integer(version.at("minor")));
  const auto torch = program.value("torch_version", std::string("unknown"));
  if (major != kSchemaMajor) {
    throw ModelError("it has version " + text + " of the export schema (written by torch " + torch + "), expected " +
                         std::to_string(kSchemaMajor) + ".x; export it again with another torch",
                     Reason::kNotAllowed);
  }
  return "torch.export, schema " + text + ", torch " + torch;
}

void check_byteorder(const Archive& archive) {
  if (archive.has("byteorder") && archive.text("byteorder") != "little") {
    throw ModelError("its weights are big-endian", Reason::kNotAllowed);
  }
}

}  // namespace

Source read_program(const Archive& archive) {
  try {
    check_byteorder(archive);
    const auto program = read_json(archive, "models/model.json");
    const auto description = version_text(program);
    Pt2Weights weights(archive);
    auto source = read_graph(program.at("graph_module"), weights);
    source.description = description;
    return source;
  } catch (const ModelError& error) {
    throw ModelError("cannot load " + archive.name() + ": " + error.what(), error.reason());
  } catch (const std::exception& error) {
    throw ModelError("cannot load " + archive.name() + ": " + first_line(error) + "; it is damaged, export it again",
                     Reason::kDamaged);
  }
}

}  // namespace legrad::graph
