#include "graph/read/torchscript.h"

#include <c10/util/Exception.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>

#include "graph/ir/ir.h"
#include "graph/read/code_check.h"
#include "graph/read/deep_stack.h"
#include "graph/read/dequantise.h"
#include "graph/read/inline_calls.h"
#include "graph/read/pickle_check.h"

namespace legrad::graph {
namespace {

constexpr uint64_t kMostCode = uint64_t{4} << 20;
constexpr size_t kMostDefinitions = 16'384;  // that may call each other

bool ends_with(const std::string& text, const char* ending) { return std::string_view(text).ends_with(ending); }

// LibTorch takes a record for as large as a pickle says that it is, and reads on where it is not.
void check_storages(const std::vector<PickledStorage>& storages, const std::string& folder, const Archive& archive) {
  for (const auto& [name, bytes] : storages) {
    const auto record = folder + "/" + name;
    if (bytes == 0 || (archive.has(record) && archive.size(record) == bytes)) continue;
    throw ModelError(
        "is damaged (record " + record + " should hold " + std::to_string(bytes) + " bytes, " +
            (archive.has(record) ? "and holds " + std::to_string(archive.size(record)) : "and is missing") +
            "); export it again",
        Reason::kDamaged);
  }
}

void check_memory(__int128 bytes, const Archive& archive) {
  constexpr __int128 kTimesFile = 4;  // a buffer may be one number, many times, and a weight be tied
  constexpr __int128 kMostSmall = 1 << 28;
  if (bytes <= kTimesFile * archive.file()->size() + kMostSmall) return;
  throw ModelError("holds weights that would take more memory than the file has bytes", Reason::kTooLarge);
}

// Everything that LibTorch compiles or carries out while it loads.
void check_records(const Archive& archive) {
  uint64_t code = 0;
  size_t definitions = 0;
  __int128 dequantised = 0;
  for (const auto& [record, entry] : archive.records()) {
    if (ends_with(record, ".pkl")) {
      const auto contents = check_pickle(archive.text(record), record);
      if (record == "data.pkl") check_storages(contents.storages, "data", archive);
      if (record == "constants.pkl") check_storages(contents.storages, "constants", archive);
      dequantised += sizeof(float) * contents.packed_bytes;
      check_memory(dequantised, archive);
    }
    if (!ends_with(record, ".py") || record.rfind("code/", 0) != 0) continue;
    code += entry.size;
    if (code > kMostCode) {
      throw ModelError("holds more than " + std::to_string(kMostCode >> 20) + " MiB of code", Reason::kTooLarge);
    }
    definitions += check_code(archive.text(record), record);
    if (definitions > kMostDefinitions) {
      throw ModelError("defines more than " + std::to_string(kMostDefinitions) + " functions and classes",
                       Reason::kTooLarge);
    }
  }
}

// Every tensor of a module: attributes at any depth, and constants in the code.
std::vector<at::Tensor> all_tensors(const torch::jit::Module& module) {
  std::vector<at::Tensor> tensors;
  c10::IValue::HashAliasedIValues known;
  c10::IValue(module._ivalue()).visit([&](const c10::IValue& value) {
    if (value.isTensor() && known.insert(value).second) tensors.push_back(value.toTensor());
    return value.isCustomClass();  // weights that are packed, which nobody can look into
  });
  const std::function<void(const torch::jit::Block*)> visit = [&](const torch::jit::Block* block) {
    for (const Node* node : block->nodes()) {
      if (node->kind() == prim::Constant) {
        const auto constant = torch::jit::toIValue(node->output());
        if (constant && constant->isTensor()) tensors.push_back(constant->toTensor());
      }
      for (const auto* inner : node->blocks()) visit(inner);
    }
  };
  for (const auto& part : module.modules()) {
    for (const auto& method : part.get_methods()) visit(method.graph()->block());
  }
  return tensors;
}

// One beyond the last byte that a tensor's numbers take in its storage; nothing if they cannot lie in one.
std::optional<__int128> end_of(const at::Tensor& tensor) {
  __int128 last = tensor.storage_offset();
  bool valid = last >= 0;
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    valid = valid && tensor.size(i) >= 0 && tensor.stride(i) >= 0;
    if (tensor.size(i) == 0) return valid ? std::optional<__int128>(0) : std::nullopt;
    last += static_cast<__int128>(tensor.size(i) - 1) * tensor.stride(i);
  }
  if (!valid) return std::nullopt;
  return (last + 1) * static_cast<__int128>(tensor.element_size());
}

// If each number had a place of its own.
__int128 bytes_of(const at::Tensor& tensor) {
  constexpr __int128 kMost = __int128{1} << 62;
  __int128 bytes = static_cast<__int128>(tensor.element_size());
  for (const int64_t size : tensor.sizes()) bytes = std::min(bytes * std::max<int64_t>(size, 0), kMost);
  return bytes;
}

[[noreturn]] void refuse_shape(const at::Tensor& tensor) {
  std::ostringstream text;
  text << "is damaged (a weight of shape " << tensor.sizes() << " has a size of " << tensor.storage().nbytes()
       << " bytes, which do not hold its numbers); export it again";
  throw ModelError(text.str(), Reason::kDamaged);
}

// A weight's shape and strides come from its description, whatever its storage holds.
void check_shapes(const std::vector<at::Tensor>& tensors, const Archive& archive) {
  __int128 numbers = 0;
  for (const auto& tensor : tensors) {
    if (!tensor.defined() || !tensor.has_storage()) continue;
    if (tensor.is_quantized()) {
      throw ModelError("holds a quantised tensor that is no weight of a linear layer; export before quantising",
                       Reason::kQuantised);
    }
    numbers += bytes_of(tensor);
    check_memory(numbers, archive);
    const auto end = end_of(tensor);
    if (!end || *end > static_cast<__int128>(tensor.storage().nbytes())) refuse_shape(tensor);
  }
}

// How many inputs a method insists on, beside the module itself.
int64_t required_inputs(const torch::jit::Method& method) {
  const auto& arguments = method.function().getSchema().arguments();
  return std::count_if(arguments.begin() + 1, arguments.end(), [](const c10::Argument& argument) {
    return !argument.default_value() && argument.type()->kind() != c10::TypeKind::OptionalType;
  });
}

// The arguments of a forward: the module itself, then what callers give. Optional ones are left out.
std::vector<Argument> arguments_of(const torch::jit::Method& forward, const torch::jit::Module& module) {
  std::vector<Argument> arguments;
  for (const auto& argument : forward.function().getSchema().arguments()) {
    Argument made{argument.name(), argument.type()->annotation_str()};
    if (arguments.empty()) {
      made.value = module._ivalue();
    } else if (argument.default_value()) {
      made.value = argument.default_value();
    } else if (argument.type()->kind() == c10::TypeKind::OptionalType) {
      made.value = c10::IValue();
    }
    arguments.push_back(std::move(made));
  }
  return arguments;
}

Source load_as_it_stands(const Archive& archive) {
  auto module = torch::jit::load(archive.file(), c10::Device(c10::kCPU), /*load_debug_files=*/false);
  module.eval();
  Source source{"TorchScript", {}, {}, all_tensors(module)};
  check_shapes(source.weights, archive);
  auto forward = module.find_method("forward");
  // A whole CLIP whose forward compares images and texts, as OpenAI's archives do, has a method for images alone.
  const auto encode = module.find_method("encode_image");
  if (forward && encode && required_inputs(*forward) > 1 && required_inputs(*encode) == 1) forward = encode;
  if (!forward) throw ModelError("has no forward method: it is no exported model", Reason::kNotAModel);
  source.graph = inlined(*forward);
  source.arguments = arguments_of(*forward, module);
  return source;
}

// LibTorch has advice for whoever made the file.
class NoWarnings : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override {}
};

Source load(const Archive& archive) {
  NoWarnings silent;
  const c10::WarningUtils::WarningHandlerGuard guard(&silent);
  auto source = load_as_it_stands(archive);
  if (!has_quantised_layers(*source.graph)) return source;
  const auto layers = dequantise(source);
  // Read once more, so that it stays what it is when the first one's weights are moved or converted.
  source.quantised = quantised_forward(load_as_it_stands(archive), layers);
  return source;
}

}  // namespace

Source read_torchscript(const Archive& archive) {
  try {
    check_records(archive);
    Source source;
    with_deep_stack([&] { source = load(archive); });
    return source;
  } catch (const Error& error) {
    throw ModelError(archive.name() + " " + error.what(), error.reason());
  } catch (const std::exception& error) {
    throw ModelError("cannot load " + archive.name() + ": " + first_line(error), Reason::kDamaged);
  }
}

}  // namespace legrad::graph
