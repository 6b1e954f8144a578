#pragma once

#include <legrad/bundle.h>
#include <legrad/vit.h>

#include <optional>
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
  std::string device = "auto";
  std::string dtype;
  int threads = 0;  ///< 0: LibTorch's choice
};

void add_model_options(CLI::App& command, ModelOptions& options);

struct LoadedModel {
  Bundle bundle;
  Vit vit;
};

/// The model's folder or file, with what the options say of preprocessing put in. Does not load the model yet.
Bundle open_bundle(const ModelOptions& options);

/// Throws `InputError` for a model that takes no pictures.
void check_channels(const Structure& structure);

/// Says on stderr if the size of the model's images was guessed, and which option settles it. To be called when a command has
/// done its work, so that an error is one line alone.
void tell_guess(const Structure& structure);

/// Loads it for images of `--size`, else of `image_size`, else of the manifest's, else of its own.
LoadedModel load_model(const ModelOptions& options, Bundle bundle, std::optional<ImageSize> image_size = {});

}  // namespace legrad::apps
