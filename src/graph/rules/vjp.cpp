#include <legrad/rules.h>

#include <utility>

#include "graph/rules/groups.h"

namespace legrad {

std::shared_ptr<const Rules> vjp_rules() {
  static const auto kTable = [] {
    Rules rules{.name = "vjp", .rows = {}, .gradient = true};
    for (const auto& group :
         {graph::move_rules(), graph::arithmetic_rules(), graph::product_rules(), graph::attention_rules()}) {
      rules.rows.insert(group.begin(), group.end());
    }
    return std::make_shared<const Rules>(std::move(rules));
  }();
  return kTable;
}

}  // namespace legrad
