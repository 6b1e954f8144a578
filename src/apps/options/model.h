#pragma once

#include <legrad/bundle.h>
#include <legrad/vit.h>

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say which model to load, and how.
struct ModelOptions {
  std::string model;
  std::string size;
  std::vector<std::string> mean;
  std::vector<std::string> std;
  std::string output;
  std::string place;
  std::string device = "auto";
  std::string dtype;
  int64_t pack_mib = kPackBytes >> 20;
  int threads = 0;  ///< 0: LibTorch's choice
};

void add_model_options(CLI::App& command, ModelOptions& options);

/// The model's folder or file, with what the options say of preprocessing put in. Does not load the model yet.
Bundle open_bundle(const ModelOptions& options);

/// How to load it. Throws `InputError`.
LoadOptions load_options(const ModelOptions& options);

/// Says on stderr if the size of the model's images was guessed, and which option settles it. To be called when a
/// command has done its work, so that an error is one line alone.
void tell_guess(const Structure& structure);

/// Sets how many CPU threads LibTorch uses, where the options say so.
void use_threads(const ModelOptions& options);

}  // namespace legrad::apps
