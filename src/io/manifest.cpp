#include "io/manifest.h"

#include <legrad/error.h>

#include <algorithm>

#include "io/file_in.h"
#include "io/json_fields.h"
#include "io/parse_json.h"
#include "io/read_file.h"

namespace legrad::io {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxManifest = uint64_t{16} << 20;
constexpr int64_t kMaxImageSide = 1 << 14;
constexpr int64_t kSchemaVersion = 1;

Preprocessing preprocessing(const JsonFields& fields) {
  Preprocessing result;
  if (fields.has("size")) {
    const std::vector<int64_t> size = fields.sizes("size", 2, kMaxImageSide);
    result.size = ImageSize{size[0], size[1]};
  }
  if (fields.has("mean")) {
    std::ranges::copy(fields.numbers("mean", 3), result.mean.begin());
  }
  if (fields.has("std")) {
    std::ranges::copy(fields.numbers("std", 3), result.std.begin());
    if (std::ranges::any_of(result.std, [](double value) { return value <= 0; })) {
      fields.fail("std", "a list of 3 numbers above 0");
    }
  }
  if (fields.has("interpolation")) {
    const std::string name = fields.string("interpolation");
    if (name != "bilinear" && name != "bicubic") {
      fields.fail("interpolation", "\"bilinear\" or \"bicubic\"");
    }
    result.interpolation =
        name == "bicubic" ? Preprocessing::Interpolation::kBicubic : Preprocessing::Interpolation::kBilinear;
  }
  if (fields.has("resize")) {
    const std::string name = fields.string("resize");
    if (name == "squash") {
      result.resize = Preprocessing::Resize::kSquash;
    } else if (name == "shortest_edge_crop") {
      result.resize = Preprocessing::Resize::kShortestEdgeCrop;
    } else if (name == "longest_edge_pad") {
      result.resize = Preprocessing::Resize::kLongestEdgePad;
    } else {
      fields.fail("resize", "\"squash\", \"shortest_edge_crop\" or \"longest_edge_pad\"");
    }
  }
  if (fields.has("crop")) {
    result.crop = fields.number("crop");
    if (!(result.crop > 0 && result.crop <= 1)) fields.fail("crop", "a number above 0, and 1 at most");
  }
  if (fields.has("fill")) {
    result.fill = fields.integer("fill");
    if (result.fill < 0 || result.fill > 255) fields.fail("fill", "an integer from 0 to 255");
  }
  return result;
}

std::string kind(const JsonFields& fields) {
  std::string kind = fields.string("kind");
  if (kind != "classifier" && kind != "embedding" && kind != "clip" && kind != "siglip") {
    fields.fail("kind", "\"classifier\", \"embedding\", \"clip\" or \"siglip\"");
  }
  return kind;
}

at::ScalarType dtype(const JsonFields& fields) {
  const std::string name = fields.string("dtype");
  if (name == "float32") return at::kFloat;
  if (name == "float16") return at::kHalf;
  if (name == "bfloat16") return at::kBFloat16;
  if (name == "float64") return at::kDouble;
  fields.fail("dtype", "\"float32\", \"float16\", \"bfloat16\" or \"float64\"");
}

OutputCheck output_check(const JsonFields& fields) {
  constexpr size_t kMostNumbers = 1 << 16;
  OutputCheck check;
  const int64_t seed = fields.integer("seed");
  if (seed < 0) fields.fail("seed", "an integer from 0");
  check.seed = static_cast<uint64_t>(seed);
  check.output = fields.numbers("output");
  if (check.output.empty() || check.output.size() > kMostNumbers) {
    fields.fail("output", "a list of 1 to " + std::to_string(kMostNumbers) + " numbers");
  }
  if (fields.has("tolerance")) {
    check.tolerance = fields.number("tolerance");
    if (!(check.tolerance > 0 && check.tolerance < 1)) fields.fail("tolerance", "a number between 0 and 1");
  }
  return check;
}

Bundle bundle(const fs::path& folder, const json& document) {
  const JsonFields fields(document, "");
  if (fields.integer("schema_version") != kSchemaVersion) {
    fields.fail("schema_version", std::to_string(kSchemaVersion) + ", the only version this program reads");
  }
  Bundle result;
  result.vision = file_in(folder, fields, "vision");
  if (fields.has("empty_embedding")) {
    result.empty_embedding = file_in(folder, fields, "empty_embedding");
  }
  if (fields.has("name")) {
    result.name = fields.string("name");
  }
  if (fields.has("preprocessing")) {
    result.preprocessing = preprocessing(fields.object("preprocessing"));
  }
  if (fields.has("labels")) {
    result.labels = fields.strings("labels");
  }
  result.takes_words = fields.has("text");
  if (fields.has("dtype")) {
    result.dtype = dtype(fields);
  }
  if (fields.has("label_embeddings")) {
    result.label_embeddings = file_in(folder, fields, "label_embeddings");
    if (result.labels.empty()) fields.fail("labels", "the names of field 'label_embeddings'");
  }
  if (fields.has("scale")) {
    result.scale = fields.number("scale");
  }
  if (fields.has("bias")) {
    result.bias = fields.number("bias");
  }
  if (fields.has("grid")) {
    const std::vector<int64_t> grid = fields.sizes("grid", 2, kMaxImageSide);
    result.grid = PatchGrid{grid[0], grid[1]};
  }
  if (fields.has("check")) {
    result.output_check = output_check(fields.object("check"));
  }
  if (fields.has("kind")) {
    result.kind = kind(fields);
  }
  return result;
}

}  // namespace

Bundle read_manifest(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  try {
    return bundle(folder, parse_json(read_file(file, kMaxManifest, "manifest")));
  } catch (const ModelError& error) {
    throw ModelError("manifest '" + file.string() + "': " + error.what(), error.reason());
  } catch (const InputError& error) {
    throw ModelError(error.what(), error.reason());
  }
}

const char* name_of(Preprocessing::Resize resize) {
  switch (resize) {
    case Preprocessing::Resize::kShortestEdgeCrop:
      return "shortest_edge_crop";
    case Preprocessing::Resize::kLongestEdgePad:
      return "longest_edge_pad";
    default:
      return "squash";
  }
}

const char* name_of(Preprocessing::Interpolation interpolation) {
  return interpolation == Preprocessing::Interpolation::kBicubic ? "bicubic" : "bilinear";
}

}  // namespace legrad::io
