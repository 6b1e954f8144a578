#include "graph/read/pickle_names.h"

#include <legrad/error.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace legrad::graph {
namespace {

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
}

using Kind = PickledValue::Kind;

constexpr std::string_view kPackedClass = "__torch__.torch.classes.quantized.LinearPackedParamsBase";

constexpr std::array<std::pair<std::string_view, uint64_t>, 13> kStorages = {{{"Byte", 1},
                                                                              {"QInt8", 1},
                                                                              {"Char", 1},
                                                                              {"Short", 2},
                                                                              {"Int", 4},
                                                                              {"Long", 8},
                                                                              {"Half", 2},
                                                                              {"Double", 8},
                                                                              {"Float", 4},
                                                                              {"Bool", 1},
                                                                              {"BFloat16", 2},
                                                                              {"ComplexFloat", 8},
                                                                              {"ComplexDouble", 16}}};

[[noreturn]] void refuse_quantised(const std::string& whole) {
  throw ModelError("holds " + whole +
                       ": of quantised models, those with int8 weights in linear layers alone are supported; quantise "
                       "with torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}), or export before "
                       "quantising",
                   Reason::kQuantised);
}

// Classes of LibTorch's own, whose objects are made by code that is no part of the archive.
void check_class(const std::string& whole) {
  if (!whole.starts_with("__torch__.torch.classes.") || whole == kPackedClass) return;
  if (whole.find("quantized") != std::string::npos) refuse_quantised(whole);
  throw ModelError("holds an object of the class " + whole + ", which is made of foreign code; expected plain modules",
                   Reason::kNotAllowed);
}

}  // namespace

PickledName pickled_name(const std::string& module, const std::string& name) {
  const auto whole = module + "." + name;
  if (!is_name(module) || !is_name(name)) throw ModelError("is damaged; export the model again", Reason::kDamaged);
  check_class(whole);
  if (whole == kPackedClass) return {.kind = Kind::kPackedClass};
  if (module.starts_with("__torch__")) return {.kind = Kind::kFunction};
  if (module == "torch.jit._pickle") {
    for (const char* known :
         {"restore_type_tag", "build_intlist", "build_tensorlist", "build_doublelist", "build_boollist"}) {
      if (name == known) return {.kind = Kind::kFunction};
    }
  }
  if (whole == "torch._utils._rebuild_tensor_v2") return {.kind = Kind::kTensorMaker};
  if (whole == "torch._utils._rebuild_qtensor") return {.kind = Kind::kQuantisedMaker};
  for (const char* known : {"collections.OrderedDict", "torch.device", "builtins.complex"}) {
    if (whole == known) return {.kind = Kind::kFunction};
  }
  for (const auto& [dtype, width] : kStorages) {
    if (whole == "torch." + std::string(dtype) + "Storage") {
      return {.kind = Kind::kStorageType, .text = dtype, .width = width};
    }
  }
  for (const std::string_view scheme : {"per_tensor_affine", "per_channel_affine"}) {
    if (whole == "torch." + std::string(scheme)) return {.kind = Kind::kScheme, .text = scheme};
  }
  const bool quantised = name.starts_with("QInt") || name.starts_with("QUInt") || name.starts_with("per_");
  if (module == "torch" && quantised) refuse_quantised(whole);
  throw ModelError("names " + whole + ", which no exported model needs; it is refused", Reason::kNotAllowed);
}

}  // namespace legrad::graph
