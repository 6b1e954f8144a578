#include <legrad/explain.h>

#include <algorithm>
#include <utility>

#include "model/grad_scope.h"
#include "model/torch_errors.h"

namespace legrad {
namespace {

class ByRules : public MethodRun {
 public:
  ByRules(std::unique_ptr<MethodRun> run, std::shared_ptr<const Rules> rules)
      : run_(std::move(run)), rules_(std::move(rules)) {}
  ForwardWatcher* forward() override { return run_->forward(); }
  BackwardWatcher* backward() override { return run_->backward(); }
  RelevanceWatcher* relevance() override { return run_->relevance(); }
  std::shared_ptr<const Rules> gradient_rules() const override { return rules_; }
  at::Tensor maps() const override { return run_->maps(); }

 private:
  std::unique_ptr<MethodRun> run_;
  std::shared_ptr<const Rules> rules_;
};

/// Those who watch the same sweeps.
struct Watchers {
  std::shared_ptr<const Rules> rules;
  std::vector<ForwardWatcher*> forward;
  std::vector<BackwardWatcher*> backward;
  std::vector<RelevanceWatcher*> relevance;
};

// Those by autograd first, whoever they are.
std::vector<Watchers> by_tables(const std::vector<std::unique_ptr<MethodRun>>& runs) {
  std::vector<Watchers> all(1);
  for (const auto& run : runs) {
    const auto same = std::ranges::find(all, run->gradient_rules(), &Watchers::rules);
    auto& watchers = same == all.end() ? all.emplace_back(Watchers{run->gradient_rules(), {}, {}, {}}) : *same;
    if (auto* watcher = run->forward()) watchers.forward.push_back(watcher);
    if (auto* watcher = run->backward()) watchers.backward.push_back(watcher);
    if (auto* watcher = run->relevance()) watchers.relevance.push_back(watcher);
  }
  const auto& first = all.front();
  const bool empty = first.forward.empty() && first.backward.empty() && first.relevance.empty();
  if (empty && all.size() > 1) all.erase(all.begin());
  return all;
}

}  // namespace

Method by_rules(Method method, std::shared_ptr<const Rules> rules) {
  return [method = std::move(method), rules](std::shared_ptr<const Structure> structure) -> std::unique_ptr<MethodRun> {
    return std::make_unique<ByRules>(method(std::move(structure)), rules);
  };
}

Explanation explain(const Vit& vit, const at::Tensor& images, const Target& target, const std::vector<Method>& methods,
                    const ExplainOptions& options) {
  const model::GradScope scope(false);  // maps are put together after the sweep
  std::vector<std::unique_ptr<MethodRun>> runs;
  for (const auto& method : methods) runs.push_back(method(vit.shared_structure()));
  Target chosen = target;
  const auto choose = [&](const at::Tensor& output) { return chosen = target.chosen(output); };
  const auto asked = target.to_be_chosen() ? Target::chosen_by(choose) : target;
  Explanation explanation;
  for (const auto& [rules, forward, backward, relevance] : by_tables(runs)) {
    const auto& now = explanation.output.defined() ? chosen : asked;
    explanation.output =
        (rules ? vit.by_rules(rules) : vit).sweep(images, now, forward, backward, relevance, options.tape_bytes);
  }
  return model::plainly<Error>("putting maps together", [&] {
    const int64_t targets = chosen.empty() ? 1 : chosen.count(explanation.output);
    for (const auto& run : runs) explanation.maps.push_back(run->maps().expand({-1, targets, -1, -1}).contiguous());
    return explanation;
  });
}

}  // namespace legrad
