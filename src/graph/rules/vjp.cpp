#include "graph/rules/vjp.h"

#include "graph/rules/groups.h"

namespace legrad::graph {

std::shared_ptr<const Rules> vjp_rules() {
  Rules rules{.name = "vjp", .rows = {}};
  for (const auto& group : {move_rules(), arithmetic_rules(), product_rules(), attention_rules()}) {
    rules.rows.insert(group.begin(), group.end());
  }
  return std::make_shared<const Rules>(std::move(rules));
}

}  // namespace legrad::graph
