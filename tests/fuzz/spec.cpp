// Methods as they are spelled, NAME/KEY=VALUE, with an option of every type.

#include <legrad/methods.h>

#include "fuzz/reading.h"
#include "fuzz/targets.h"

namespace legrad::fuzz {
namespace {

Methods all_types() {
  const auto nothing = [](const legrad::OptionValues& /*values*/) { return Method(); };
  Methods methods;
  methods.add({.name = "legrad",
               .title = "LeGrad",
               .options = {{"layers", takes::Blocks{}, "", "blocks"},
                           {"block", takes::Block{}, "-1", "block"},
                           {"share", takes::Number{0, 1, true}, "0.5", "number"},
                           {"weights", takes::Numbers{}, "", "numbers"},
                           {"relu", takes::YesNo{}, "yes", "yes or no"},
                           {"readout", takes::OneOf{{"model", "token_mean"}}, "model", "name"}},
               .make = nothing});
  methods.add({.name = "rollout", .title = "Rollout", .options = {}, .make = nothing});
  return methods;
}

}  // namespace

void spec(std::string_view input) {
  static const auto methods = all_types();
  const std::string text(input);
  refused_or_read([&] {
    for (const auto& chosen : methods.parse_list(text)) {
      // The one spelling of what was read is read as the same.
      if (methods.parse(chosen.spec).spec != chosen.spec) throw std::logic_error("a spelling that is not kept");
      if (chosen.name == "legrad") (void)chosen.values.blocks("layers").of(12);
    }
  });
}

}  // namespace legrad::fuzz
