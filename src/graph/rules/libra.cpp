#include "graph/rules/libra.h"

#include "graph/rules/attn_lrp.h"

namespace legrad::graph {

std::shared_ptr<const Rules> libra_rules() {
  return std::make_shared<const Rules>(cp_lrp_rules(0, 0)->with("libra_grad", {}));
}

}  // namespace legrad::graph
