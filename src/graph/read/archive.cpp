#include "graph/read/archive.h"

#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>
#include <unordered_set>

#include "graph/ir/ir.h"

namespace legrad::graph {
namespace {

constexpr size_t kMostCode = size_t{64} << 20;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The code with strings and comments blanked out, so that words are found in code alone.
std::string code_only(std::string_view code) {
  std::string kept(code);
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] == '#') {
      while (i < kept.size() && kept[i] != '\n') kept[i++] = ' ';
    } else if (kept[i] == '"' || kept[i] == '\'') {
      const char quote = kept[i];
      for (++i; i < kept.size() && kept[i] != quote; ++i) {
        if (kept[i] == '\\' && i + 1 < kept.size()) kept[i++] = ' ';
        kept[i] = ' ';
      }
    }
  }
  return kept;
}

bool has_word(std::string_view code, std::string_view word) {
  for (size_t at = code.find(word); at != std::string_view::npos; at = code.find(word, at + 1)) {
    const bool starts = at == 0 || !is_word(code[at - 1]);
    const bool ends = at + word.size() >= code.size() || !is_word(code[at + word.size()]);
    if (starts && ends) return true;
  }
  return false;
}

// The namespaces of custom operators, spelled `ops.NAMESPACE.NAME(` in an archive's code.
void check_namespaces(const std::string& code, const std::string& record) {
  constexpr std::string_view kOps = "ops.";
  for (size_t at = code.find(kOps); at != std::string::npos; at = code.find(kOps, at + 1)) {
    if (at > 0 && (is_word(code[at - 1]) || code[at - 1] == '.')) continue;
    const size_t start = at + kOps.size();
    size_t end = start;
    while (end < code.size() && is_word(code[end])) ++end;
    const auto name = code.substr(start, end - start);
    if (name == "aten" || name == "prim") continue;
    if (name == "quantized" || name == "_quantized") {
      throw ModelError(record +
                       " uses quantised operators; quantised models are not supported: export before quantising");
    }
    throw ModelError(record + " uses operators of \"" + name + "\"; expected plain torch operators alone");
  }
}

void check_code(const std::string& text, const std::string& record) {
  const auto code = code_only(text);
  // Loading calls __setstate__ with a state from the file: code would run before anything was checked.
  for (const char* word : {"__setstate__", "__getstate__"}) {
    if (has_word(code, word)) {
      throw ModelError(record + " defines " + word +
                       ", which would run while the file is loaded (quantised or custom modules do); "
                       "expected a plain module");
    }
  }
  for (const char* word : {"torch.save", "torch.from_file", "torch.load", "ops.aten.save", "ops.aten.from_file"}) {
    if (code.find(std::string(word) + "(") != std::string::npos) {
      throw ModelError(record + " calls " + word + ", which touches files; a model's forward has no need to");
    }
  }
  check_namespaces(code, record);
}

// Every tensor of a module: attributes at any depth, and constants in the code.
std::vector<at::Tensor> all_tensors(const torch::jit::Module& module) {
  std::vector<at::Tensor> tensors;
  c10::IValue::HashAliasedIValues values;
  c10::IValue(module._ivalue()).getSubValues(values);
  for (const auto& value : values) {
    if (value.isTensor()) tensors.push_back(value.toTensor());
  }
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

// LibTorch takes a weight's size from its description and does not look at how many bytes there are.
void check_storages(const std::vector<at::Tensor>& tensors, std::multiset<size_t> records, const std::string& name) {
  std::unordered_set<const void*> seen;
  for (const auto& tensor : tensors) {
    if (!tensor.defined() || !tensor.has_storage() || tensor.storage().nbytes() == 0) continue;
    if (!seen.insert(tensor.storage().unsafeGetStorageImpl()).second) continue;
    const auto record = records.find(tensor.storage().nbytes());
    if (record == records.end()) {
      std::ostringstream shape;
      shape << tensor.sizes();
      throw ModelError(name + " is damaged (a weight of shape " + shape.str() + " has a size of " +
                       std::to_string(tensor.storage().nbytes()) +
                       " bytes, and no record has so many); export it again");
    }
    records.erase(record);
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

}  // namespace

Source open_archive(const std::filesystem::path& file) {
  const auto name = "\"" + file.string() + "\"";
  try {
    caffe2::serialize::PyTorchStreamReader reader(file.string());
    const auto records = reader.getAllRecords();
    const auto has = [&](const std::string& record) {
      return std::find(records.begin(), records.end(), record) != records.end();
    };
    const bool has_code = std::any_of(records.begin(), records.end(),
                                      [](const std::string& record) { return record.rfind("code/", 0) == 0; });
    if (!has("constants.pkl") || !has_code) {
      throw ModelError(
          name +
          (has("data.pkl") ? " holds weights or a pickled Python object, no program" : " is no TorchScript archive") +
          "; export the model with torch.jit.trace(model, images).save(...)");
    }
    size_t code_size = 0;
    for (const auto& record : records) {
      if (record.rfind("code/", 0) != 0 || record.size() < 3 || record.substr(record.size() - 3) != ".py") continue;
      code_size += reader.getRecordSize(record);
      if (code_size > kMostCode)
        throw ModelError(name + " holds more than " + std::to_string(kMostCode >> 20) + " MiB of code");
      const auto [data, size] = reader.getRecord(record);
      check_code(std::string(static_cast<const char*>(data.get()), size), name + ": " + record);
    }
    std::multiset<size_t> record_sizes;
    for (const auto& record : records) record_sizes.insert(reader.getRecordSize(record));
    auto module = torch::jit::load(file.string(), c10::Device(c10::kCPU));
    module.eval();
    Source source{"TorchScript", {}, {}, all_tensors(module)};
    check_storages(source.weights, record_sizes, name);
    auto forward = module.find_method("forward");
    // A whole CLIP whose forward compares images and texts, as OpenAI's archives do, has a method for images alone.
    const auto encode = module.find_method("encode_image");
    if (forward && encode && required_inputs(*forward) > 1 && required_inputs(*encode) == 1) forward = encode;
    if (!forward) throw ModelError(name + " has no forward method: it is no exported model");
    source.graph = forward->graph()->copy();
    torch::jit::Inline(*source.graph);
    source.arguments = arguments_of(*forward, module);
    return source;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ModelError("cannot load " + name + ": " + first_line(error));
  }
}

}  // namespace legrad::graph
