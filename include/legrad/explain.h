#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>
#include <legrad/sweep.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <functional>
#include <memory>
#include <vector>

namespace legrad {

/// One run of a method over one batch: which sweeps it watches, and its maps when they are through.
class MethodRun {
 public:
  virtual ~MethodRun() = default;
  virtual ForwardWatcher* forward() { return nullptr; }
  virtual BackwardWatcher* backward() { return nullptr; }
  virtual RelevanceWatcher* relevance() { return nullptr; }
  /// The rules by which gradients pass the model in the sweeps that it watches; none: as they are.
  virtual std::shared_ptr<const Rules> gradient_rules() const { return {}; }
  /// Raw maps [B, K, rows, columns] in float32 (float64 for a float64 model); [B, 1, rows, columns] of a method that
  /// does not look at the target.
  virtual at::Tensor maps() const = 0;
};

/// A method with its options set: starts a run on a model, whose structure (`Vit::shared_structure`) the run may keep.
/// Throws `InputError` where the method, or one of its options, has no meaning for the model.
using Method = std::function<std::unique_ptr<MethodRun>(std::shared_ptr<const Structure>)>;

/// A method whose gradients pass the model by a table of rules, as `libra_rules()`; with none as they are.
Method by_rules(Method method, std::shared_ptr<const Rules> rules);

struct Explanation {
  at::Tensor output;             ///< the model's output [B, C]
  std::vector<at::Tensor> maps;  ///< of each method in the order given, raw, [B, K, rows, columns]
};

struct ExplainOptions {
  /// Bytes that what a forward sweep keeps of its blocks' runs may take, so that those who go back need not run them
  /// again; 0 keeps none. Maps are the same either way.
  int64_t tape_bytes = kTapeBytes;
};

/// Explains preprocessed images [B, 3, H, W] by several methods at once: one forward sweep, and one backward sweep if
/// any of them needs it, for each table by which gradients pass, and one relevance walk a table. Methods that do not
/// look at the target give the same map for every target; where all are of that kind, `target` may be left empty (K =
/// 1).
///
///     auto [output, maps] = explain(vit, images, {281}, built_in_methods().choose("legrad,rollout"));
Explanation explain(const Vit& vit, const at::Tensor& images, const Target& target, const std::vector<Method>& methods,
                    const ExplainOptions& options = {});

}  // namespace legrad
