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
  std::vector<RelevanceWatcher*> relevance;
  for (const auto& method : methods) {
    auto& run = runs.emplace_back(method(vit.shared_structure()));
    if (auto* watcher = run->forward()) forward.push_back(watcher);
    if (auto* watcher = run->backward()) backward.push_back(watcher);
    if (auto* watcher = run->relevance()) relevance.push_back(watcher);
  }
  Target chosen = target;
  const auto choose = [&](const at::Tensor& output) { return chosen = target.chosen(output); };
  const auto asked = target.to_be_chosen() ? Target::chosen_by(choose) : target;
  Explanation explanation{vit.sweep(images, asked, forward, backward, relevance), {}};
  return model::plainly<Error>("putting maps together", [&] {
    const int64_t targets = chosen.empty() ? 1 : chosen.count(explanation.output);
    for (const auto& run : runs) explanation.maps.push_back(run->maps().expand({-1, targets, -1, -1}).contiguous());
    return explanation;
  });
}

}  // namespace legrad
