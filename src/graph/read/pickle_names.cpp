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

constexpr std::array<std::pair<std::string_view, uint64_t>, 12> kStorages = {{{"Byte", 1},
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

void check_class(const std::string& whole) {
  if (!whole.starts_with("__torch__.torch.classes.")) return;
  const bool quantised = whole.find("quantized") != std::string::npos;
  throw ModelError("holds an object of the class " + whole +
                       (quantised ? ": quantised models are not supported; export before quantising"
                                  : ", which is made of foreign code; expected plain modules"),
                   quantised ? Reason::kQuantised : Reason::kNotAllowed);
}

}  // namespace

PickledName pickled_name(const std::string& module, const std::string& name) {
  const auto whole = module + "." + name;
  if (!is_name(module) || !is_name(name)) throw ModelError("is damaged; export the model again", Reason::kDamaged);
  check_class(whole);
  if (module.starts_with("__torch__")) return {.function = true};
  if (module == "torch.jit._pickle") {
    for (const char* known :
         {"restore_type_tag", "build_intlist", "build_tensorlist", "build_doublelist", "build_boollist"}) {
      if (name == known) return {.function = true};
    }
  }
  for (const char* known :
       {"torch._utils._rebuild_tensor_v2", "collections.OrderedDict", "torch.device", "builtins.complex"}) {
    if (whole == known) return {.function = true};
  }
  for (const auto& [dtype, width] : kStorages) {
    if (whole == "torch." + std::string(dtype) + "Storage") return {.width = width};
  }
  if (name == "_rebuild_qtensor" || name.starts_with("QInt") || name.starts_with("QUInt")) {
    throw ModelError("holds quantised weights; quantised models are not supported: export before quantising",
                     Reason::kQuantised);
  }
  throw ModelError("names " + whole + ", which no exported model needs; it is refused", Reason::kNotAllowed);
}

}  // namespace legrad::graph
