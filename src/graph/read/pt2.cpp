#include "graph/read/pt2.h"

#include <caffe2/serialize/inline_container.h>
#include <legrad/error.h>

#include <algorithm>

#include "graph/read/pt2_graph.h"
#include "graph/read/pt2_weights.h"

namespace legrad::graph {
namespace {

constexpr int64_t kSchemaMajor = 8;  // of torch/_export/serde/schema.py

std::string version_text(const nlohmann::json& program) {
  const auto& version = program.at("schema_version");
  const auto major = version.at("major").get<int64_t>();
  const auto text = std::to_string(major) + "." + std::to_string(version.at("minor").get<int64_t>());
  const auto torch = program.value("torch_version", std::string("unknown"));
  if (major != kSchemaMajor) {
    throw ModelError("it has version " + text + " of the export schema (written by torch " + torch + "), expected " +
                     std::to_string(kSchemaMajor) + ".x; export it again with another torch");
  }
  return "torch.export, schema " + text + ", torch " + torch;
}

void check_records(caffe2::serialize::PyTorchStreamReader& reader) {
  const auto records = reader.getAllRecords();
  const auto has = [&](const char* record) {
    return std::find(records.begin(), records.end(), record) != records.end();
  };
  if (has("serialized_exported_program.json")) {
    throw ModelError(
        "it has the older layout of torch.export, with pickled weights; export it again with torch 2.9 or newer");
  }
  if (!has("models/model.json")) {
    throw ModelError(
        "it holds no models/model.json (a compiled AOTInductor package?); expected torch.export.save(program, file)");
  }
  if (has("byteorder")) {
    const auto [data, size] = reader.getRecord("byteorder");
    if (std::string(static_cast<const char*>(data.get()), size) != "little")
      throw ModelError("its weights are big-endian");
  }
}

}  // namespace

Source open_pt2(const std::filesystem::path& file) {
  const auto name = "\"" + file.string() + "\"";
  try {
    caffe2::serialize::PyTorchStreamReader reader(file.string());
    check_records(reader);
    const auto program = read_json(reader, "models/model.json");
    const auto description = version_text(program);
    const Pt2Weights weights(reader);
    auto source = read_graph(program.at("graph_module"), weights);
    source.description = description;
    return source;
  } catch (const ModelError& error) {
    throw ModelError("cannot load " + name + ": " + error.what());
  } catch (const std::exception& error) {
    throw ModelError("cannot load " + name + ": " + first_line(error) + "; it is damaged, export it again");
  }
}

}  // namespace legrad::graph
