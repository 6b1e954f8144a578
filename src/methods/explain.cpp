#include <legrad/explain.h>

#include <algorithm>

#include "model/grad_scope.h"
#include "model/torch_errors.h"

namespace legrad {

Explanation explain(const Vit& vit, const at::Tensor& images, const Target& target,
                    const std::vector<Method>& methods) {
  const model::GradScope scope(false);  // maps are put together after the sweep
  std::vector<std::unique_ptr<MethodRun>> runs;
  std::vector<ForwardWatcher*> forward;
  std::vector<BackwardWatcher*> backward;
  for (const auto& method : methods) {
    auto& run = runs.emplace_back(method(vit.shared_structure()));
    if (auto* watcher = run->forward()) forward.push_back(watcher);
    if (auto* watcher = run->backward()) backward.push_back(watcher);
  }
  Explanation explanation{vit.sweep(images, target, forward, backward), {}};
  const int64_t targets = target.empty() ? 1 : target.count(explanation.output);
  return model::plainly<Error>("putting maps together", [&] {
    for (const auto& run : runs) explanation.maps.push_back(run->maps().expand({-1, targets, -1, -1}).contiguous());
    return explanation;
  });
}

}  // namespace legrad
