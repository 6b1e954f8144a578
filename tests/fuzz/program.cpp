// A torch.export program: {"model": ..., "weights": ..., "constants": ...}, which are its records of JSON. Its weights
// are the same few bytes for every input.

#include <nlohmann/json.hpp>

#include "fuzz/reading.h"
#include "fuzz/targets.h"
#include "graph/read/archive.h"
#include "graph/read/pt2.h"
#include "io/parse_json.h"
#include "support/zip_writer.h"

namespace legrad::fuzz {
namespace {

std::string archive_of(const nlohmann::json& parts) {
  testing::ZipWriter zip;
  zip.add("a/archive_format", "pt2");
  zip.add("a/version", "3\n");
  zip.add("a/byteorder", "little");
  zip.add("a/data/weights/weight_0", std::string(64, '\1'));
  zip.add("a/data/weights/weight_1", std::string(4096, '\2'));
  zip.add("a/models/model.json", parts.at("model").dump());
  zip.add("a/data/weights/model_weights_config.json", parts.at("weights").dump());
  zip.add("a/data/constants/model_constants_config.json", parts.at("constants").dump());
  return zip.finish();
}

}  // namespace

void program(std::string_view input) {
  std::string bytes;
  try {
    bytes = archive_of(io::parse_json(input));
  } catch (const std::exception&) {
    return;
  }
  const MemoryFile file(bytes);
  refused_or_read([&] {
    const graph::Archive archive(file.path());
    (void)graph::read_program(archive);
  });
}

}  // namespace legrad::fuzz
