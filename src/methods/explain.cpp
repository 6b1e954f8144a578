#include <legrad/explain.h>

#include <utility>

#include "model/grad_scope.h"
#include "model/torch_errors.h"

namespace legrad {
namespace {

class ByRules : public MethodRun {
 public:
  ByRules(std::unique_ptr<MethodRun> run, GradientRules rules) : run_(std::move(run)), rules_(rules) {}
  ForwardWatcher* forward() override { return run_->forward(); }
  BackwardWatcher* backward() override { return run_->backward(); }
  RelevanceWatcher* relevance() override { return run_->relevance(); }
  GradientRules rules() const override { return rules_; }
  at::Tensor maps() const override { return run_->maps(); }

 private:
  std::unique_ptr<MethodRun> run_;
  GradientRules rules_;
};

/// Those who watch the same sweeps.
struct Watchers {
  std::vector<ForwardWatcher*> forward;
  std::vector<BackwardWatcher*> backward;
  std::vector<RelevanceWatcher*> relevance;
  bool empty() const { return forward.empty() && backward.empty() && relevance.empty(); }
};

Watchers watchers_of(const std::vector<std::unique_ptr<MethodRun>>& runs, GradientRules rules) {
  Watchers watchers;
  for (const auto& run : runs) {
    if (run->rules() != rules) continue;
    if (auto* watcher = run->forward()) watchers.forward.push_back(watcher);
    if (auto* watcher = run->backward()) watchers.backward.push_back(watcher);
    if (auto* watcher = run->relevance()) watchers.relevance.push_back(watcher);
  }
  return watchers;
}

}  // namespace

Method by_rules(Method method, GradientRules rules) {
  return [method = std::move(method), rules](std::shared_ptr<const Structure> structure) -> std::unique_ptr<MethodRun> {
    return std::make_unique<ByRules>(method(std::move(structure)), rules);
  };
}

Explanation explain(const Vit& vit, const at::Tensor& images, const Target& target,
                    const std::vector<Method>& methods) {
  const model::GradScope scope(false);  // maps are put together after the sweep
  std::vector<std::unique_ptr<MethodRun>> runs;
  for (const auto& method : methods) runs.push_back(method(vit.shared_structure()));
  Target chosen = target;
  const auto choose = [&](const at::Tensor& output) { return chosen = target.chosen(output); };
  const auto asked = target.to_be_chosen() ? Target::chosen_by(choose) : target;
  Explanation explanation;
  const auto sweep = [&](const Vit& passed, const Watchers& watchers) {
    const bool first = !explanation.output.defined();
    explanation.output =
        passed.sweep(images, first ? asked : chosen, watchers.forward, watchers.backward, watchers.relevance);
  };
  const auto libra = watchers_of(runs, GradientRules::kLibra), others = watchers_of(runs, GradientRules::kGradient);
  if (!libra.empty()) sweep(vit.by_rules(GradientRules::kLibra), libra);
  if (!others.empty() || libra.empty()) sweep(vit, others);
  return model::plainly<Error>("putting maps together", [&] {
    const int64_t targets = chosen.empty() ? 1 : chosen.count(explanation.output);
    for (const auto& run : runs) explanation.maps.push_back(run->maps().expand({-1, targets, -1, -1}).contiguous());
    return explanation;
  });
}

}  // namespace legrad
