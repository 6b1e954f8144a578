#include "graph/read/pt2_weights.h"

#include <ATen/Functions.h>
#include <legrad/error.h>

#include <algorithm>
#include <map>
#include <memory>

#include "graph/read/pt2_json.h"

namespace legrad::graph {
namespace {

using nlohmann::json;

constexpr const char* kWeights = "data/weights/";
constexpr const char* kConstants = "data/constants/";

json config(const Archive& archive, const std::string& record) {
  return archive.has(record) ? read_json(archive, record).at("config") : json::object();
}

[[noreturn]] void refuse_damaged(const std::string& what) { throw ModelError(what, Reason::kDamaged); }

std::vector<int64_t> numbers(const json& list, const std::string& name) {
  constexpr int64_t kMost = int64_t{1} << 40;
  std::vector<int64_t> all;
  for (const auto& entry : list) {
    all.push_back(integer(entry.at("as_int")));
    if (all.back() < 0 || all.back() > kMost) {
      refuse_damaged("weight " + name + " has a size or stride of " + std::to_string(all.back()));
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

__int128 product(const std::vector<int64_t>& sizes) {
  __int128 numbers = 1;
  for (const int64_t size : sizes) {
    if (size == 0) return 0;
    numbers = std::min(numbers * size, __int128{1} << 62);
  }
  return numbers;
}

}  // namespace

Pt2Weights::Pt2Weights(const Archive& archive)
    : archive_(archive),
      weights_(config(archive, std::string(kWeights) + "model_weights_config.json")),
      constants_(config(archive, std::string(kConstants) + "model_constants_config.json")) {}

at::Tensor Pt2Weights::numbers_of(const std::string& record, c10::ScalarType dtype) {
  auto& bytes = records_[record];
  if (!bytes.defined()) {
    const auto size = static_cast<int64_t>(archive_.size(record));
    auto data = std::make_shared<at::DataPtr>(archive_.bytes(record));
    bytes = at::from_blob(
        data->get(), {size}, [data](void*) {}, at::TensorOptions(at::kByte));
  }
  const auto width = static_cast<int64_t>(c10::elementSize(dtype));
  return bytes.narrow(0, 0, bytes.numel() / width * width).view(dtype);
}

at::Tensor Pt2Weights::read(const std::string& name) {
  const bool weight = weights_.contains(name);
  if (!weight && !constants_.contains(name)) refuse_damaged("there is no weight \"" + name + "\" in it");
  const auto& entry = (weight ? weights_ : constants_).at(name);
  const auto path = entry.at("path_name").get<std::string>();
  const bool plain = !path.empty() && path.find_first_of("/\\") == std::string::npos && path != "." && path != "..";
  if (!plain) {
    throw ModelError("weight " + name + " lies outside its folder: \"" + path + "\"", Reason::kNotAllowed);
  }
  if (entry.at("use_pickle").get<bool>()) {
    throw ModelError(
        "weight " + name + " is pickled (a tensor subclass?), and pickles are never read; export plain tensors",
        Reason::kNotAllowed);
  }
  const auto& meta = entry.at("tensor_meta");
  const auto sizes = numbers(meta.at("sizes"), name);
  const auto strides = numbers(meta.at("strides"), name);
  const auto offset = numbers(json::array({meta.at("storage_offset")}), name)[0];
  const auto dtype = scalar_type(meta.at("dtype"));
  const auto record = std::string(weight ? kWeights : kConstants) + path;
  if (sizes.size() != strides.size()) refuse_damaged("weight " + name + " has not as many strides as sizes");
  const auto all = numbers_of(record, dtype);
  if (offset + span(sizes, strides) > all.numel() || product(sizes) > all.numel()) {
    refuse_damaged("weight " + name + " has more numbers than its " + std::to_string(archive_.size(record)) +
                   " bytes hold");
  }
  auto& known = tensors_[record + meta.dump()];
  if (known.defined()) return known;
  known = at::empty({0}, all.options())
              .set_(all.storage(), offset, sizes, strides);  // no view, whose writes autograd follows
  if (!known.is_contiguous()) {
    // Each weight in a layout of its own is fine; many copies of few bytes are not.
    copied_ += static_cast<int64_t>(known.numel() * known.element_size());
    if (copied_ > static_cast<int64_t>(archive_.file()->size())) {
      throw ModelError("its weights would take more memory than the file has bytes", Reason::kTooLarge);
    }
    known = known.contiguous();
  }
  return known;
}

}  // namespace legrad::graph
