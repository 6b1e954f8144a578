#pragma once

#include <ATen/TensorOperators.h>
#include <legrad/rules.h>

#include <map>
#include <memory>
#include <string>

/// Guided backpropagation (Springenberg et al., 2015): of what comes back, activations pass on what is positive alone.
inline std::shared_ptr<const legrad::Rules> guided_rules() {
  static const auto kTable = [] {
    std::map<std::string, legrad::Rule> guided;
    for (const char* name : {"gelu", "silu", "relu"}) {
      const auto plain = legrad::vjp_rules()->rows.at(name);
      guided[name] = [plain](const legrad::Call& call, const legrad::Cotangent& back) {
        return plain(call, {back[0].clamp_min(0)});
      };
    }
    return std::make_shared<const legrad::Rules>(legrad::vjp_rules()->with("guided", guided));
  }();
  return kTable;
}
