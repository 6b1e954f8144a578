#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/correction.h>
#include <legrad/explain.h>
#include <legrad/methods/legrad.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say how to explain.
struct MethodOptions {
  std::vector<std::string> methods = {"legrad"};
  std::string layers;
  std::string readout = "model";
  bool no_relu = false;
  double negative_slope = 0;
  bool multi_layer = false;
  bool without_prefix = false;
  std::string head_fusion = "mean";
  double discard_ratio = 0;
  int64_t start_layer = 0;
  bool normalize = false;
};

/// `--method NAME`, and the options of all methods.
void add_method_options(CLI::App& command, MethodOptions& options);

/// The same with `--methods all|LIST`.
void add_methods_options(CLI::App& command, MethodOptions& options);

/// Puts every method's name in place of "all". Throws `InputError` for unknown methods and for options that do not go
/// together.
void check_method_options(MethodOptions& options);

/// The methods chosen, with their options set, for a model. Throws `InputError` for what it cannot be explained by.
std::vector<Method> chosen_methods(const MethodOptions& options, const std::shared_ptr<const Structure>& structure);

/// LeGrad's options for all blocks.
LegradOptions legrad_options(const MethodOptions& options, const Structure& structure);

/// Raw maps [B, K, rows, columns] of every method chosen, corrected if so asked. Throws `Error` where the model gives no finite numbers.
std::vector<at::Tensor> explain(const Vit& vit, const at::Tensor& images, const Target& target,
                                const MethodOptions& options, const std::optional<Correction>& correction);

}  // namespace legrad::apps
