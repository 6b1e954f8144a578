#pragma once

#include <legrad/method_option.h>
#include <legrad/rules.h>

#include <memory>

namespace legrad {

/// The option of methods by gradients that chooses how these pass the model.
inline MethodOption rules_option() {
  return {"rules", takes::OneOf{{"gradient", "libra"}}, "gradient",
          "libra passes LibraGrad's gradients back: attention maps, gates and the spread of norms are constants, and a "
          "product of two values gives half to each"};
}

/// The table that it names; none for gradients as they are.
inline std::shared_ptr<const Rules> rules_of(const OptionValues& values) {
  return values.name("rules") == "libra" ? libra_rules() : nullptr;
}

}  // namespace legrad
