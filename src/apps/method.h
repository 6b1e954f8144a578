#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say how to explain.
struct MethodOptions {
  std::string method = "legrad";
  std::string readout = "auto";
  std::string layers;
};

void add_method_options(CLI::App& command, MethodOptions& options);

/// Throws `InputError` for options that do not go together.
void check_method_options(const MethodOptions& options);

/// The blocks that `--layers` means in a model of `blocks`; none: all.
std::vector<int64_t> chosen_layers(const MethodOptions& options, int64_t blocks);

/// Raw maps [B, K, rows, columns] of the method chosen. Throws `Error` where the model gives no finite numbers.
at::Tensor explain(const Vit& vit, const at::Tensor& images, const Target& target, const MethodOptions& options);

}  // namespace legrad::apps
