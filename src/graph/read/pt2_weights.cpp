#include "graph/read/pt2_weights.h"

#include <ATen/Functions.h>
#include <legrad/error.h>

#include <map>

namespace legrad::graph {
namespace {

using nlohmann::json;

constexpr const char* kWeights = "data/weights/";
constexpr const char* kConstants = "data/constants/";

json config(caffe2::serialize::PyTorchStreamReader& reader, const std::string& record) {
  return reader.hasRecord(record) ? read_json(reader, record).at("config") : json::object();
}

std::vector<int64_t> numbers(const json& list, const std::string& name) {
  constexpr int64_t kMost = int64_t{1} << 40;
  std::vector<int64_t> all;
  for (const auto& entry : list) {
    all.push_back(entry.at("as_int").get<int64_t>());
    if (all.back() < 0 || all.back() > kMost) {
      throw ModelError("weight " + name + " has a size or stride of " + std::to_string(all.back()));
    }
  }
  return all;
}

// How many elements lie between a tensor's first and last, both included.
__int128 span(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides) {
  __int128 last = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    last += static_cast<__int128>(sizes[i] - 1) * strides[i];
  }
  return last + 1;
}

}  // namespace

json read_json(caffe2::serialize::PyTorchStreamReader& reader, const std::string& record) {
  constexpr size_t kMostBytes = size_t{256} << 20;
  constexpr int kMostDepth = 64;
  if (reader.getRecordSize(record) > kMostBytes) throw ModelError(record + " is larger than 256 MiB");
  const auto [data, size] = reader.getRecord(record);
  const auto* text = static_cast<const char*>(data.get());
  return json::parse(text, text + size, [&](int depth, json::parse_event_t, json&) {
    if (depth > kMostDepth) throw ModelError(record + " is nested too deeply");
    return true;
  });
}

c10::ScalarType scalar_type(const json& number) {
  static const std::map<int, c10::ScalarType> kTypes = {
      {1, at::kByte}, {2, at::kChar},  {3, at::kShort},  {4, at::kInt},   {5, at::kLong},
      {6, at::kHalf}, {7, at::kFloat}, {8, at::kDouble}, {12, at::kBool}, {13, at::kBFloat16}};
  const auto found = kTypes.find(number.get<int>());
  if (found == kTypes.end())
    throw ModelError("dtype number " + number.dump() + " is not supported (quantised or complex?)");
  return found->second;
}

Pt2Weights::Pt2Weights(caffe2::serialize::PyTorchStreamReader& reader)
    : reader_(reader),
      weights_(config(reader, std::string(kWeights) + "model_weights_config.json")),
      constants_(config(reader, std::string(kConstants) + "model_constants_config.json")) {}

at::Tensor Pt2Weights::read(const std::string& name) const {
  const bool weight = weights_.contains(name);
  if (!weight && !constants_.contains(name)) throw ModelError("there is no weight \"" + name + "\" in it");
  const auto& entry = (weight ? weights_ : constants_).at(name);
  const auto path = entry.at("path_name").get<std::string>();
  const bool plain = !path.empty() && path.find_first_of("/\\") == std::string::npos && path != "." && path != "..";
  if (!plain) throw ModelError("weight " + name + " lies outside its folder: \"" + path + "\"");
  if (entry.at("use_pickle").get<bool>()) {
    throw ModelError("weight " + name +
                     " is pickled (a tensor subclass?), and pickles are never read; export plain tensors");
  }
  const auto& meta = entry.at("tensor_meta");
  const auto sizes = numbers(meta.at("sizes"), name);
  const auto strides = numbers(meta.at("strides"), name);
  const auto offset = numbers(json::array({meta.at("storage_offset")}), name)[0];
  const auto dtype = scalar_type(meta.at("dtype"));
  const auto record = std::string(weight ? kWeights : kConstants) + path;
  if (sizes.size() != strides.size()) throw ModelError("weight " + name + " has not as many strides as sizes");
  if (!reader_.hasRecord(record)) throw ModelError("record " + record + " is missing");
  const auto elements = static_cast<int64_t>(reader_.getRecordSize(record) / c10::elementSize(dtype));
  if (offset + span(sizes, strides) > elements || static_cast<__int128>(c10::multiply_integers(sizes)) > elements) {
    throw ModelError("weight " + name + " has more numbers than its " + std::to_string(reader_.getRecordSize(record)) +
                     " bytes hold");
  }
  const auto data = std::get<0>(reader_.getRecord(record));
  const auto flat = at::from_blob(data.get(), {elements}, at::TensorOptions(dtype));
  return flat.as_strided(sizes, strides, offset).clone(at::MemoryFormat::Contiguous);
}

}  // namespace legrad::graph
