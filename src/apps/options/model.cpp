#include "apps/options/model.h"

#include <ATen/Parallel.h>
#include <legrad/error.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "apps/options/values.h"

namespace legrad::apps {

void add_model_options(CLI::App& command, ModelOptions& options) {
  constexpr const char* kGroup = "Model";
  constexpr int kMaxThreads = 1024;
  constexpr int64_t kMostPackedMib = int64_t{1} << 24;
  command.add_option("--model", options.model, "Folder with a manifest.json, or a TorchScript or torch.export file")
      ->option_text("DIR|FILE")
      ->group(kGroup)
      ->required();
  command.add_option("--size", options.size, "Input size, height x width [what the manifest, else the file says]")
      ->option_text("HxW")
      ->group(kGroup);
  command.add_option("--mean", options.mean, "Mean of red, green and blue in [0, 1] [the manifest's, else ImageNet's]")
      ->option_text("R,G,B")
      ->expected(1, 3)
      ->group(kGroup);
  command
      .add_option("--std", options.std, "Standard deviation of red, green and blue [the manifest's, else ImageNet's]")
      ->option_text("R,G,B")
      ->expected(1, 3)
      ->group(kGroup);
  command.add_option("--output", options.output, "Output to explain, by name or index [the first of shape B x C]")
      ->option_text("NAME")
      ->group(kGroup);
  command.add_option("--at", options.place, "Place of an output B x C x h x w, as in segmentation [the mean over all]")
      ->option_text("ROW,COLUMN")
      ->group(kGroup);
  command.add_option("--device", options.device, "auto (a GPU if there is one), cpu, cuda or cuda:i")
      ->option_text("NAME")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--dtype", options.dtype, "float32, bfloat16, float16 or float64 [the manifest's, else the file's]")
      ->option_text("NAME")
      ->group(kGroup);
  command
      .add_option("--pack", options.pack_mib,
                  "Memory in MiB that weights may take a second time, laid out for this CPU; a float32 forward of one "
                  "image is a sixth faster with it. 0: none")
      ->option_text("MIB")
      ->check(CLI::Range(int64_t{0}, kMostPackedMib))
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--threads", options.threads, "CPU threads [all cores]")
      ->option_text("N")
      ->check(CLI::Range(1, kMaxThreads))
      ->group(kGroup);
}

Bundle open_bundle(const ModelOptions& options) {
  Bundle bundle = Bundle::open(options.model);
  if (!options.mean.empty()) {
    bundle.preprocessing.mean = parse_channels("--mean", options.mean);
  }
  if (!options.std.empty()) {
    bundle.preprocessing.std = parse_channels("--std", options.std);
    if (std::ranges::any_of(bundle.preprocessing.std, [](double value) { return value <= 0; })) {
      throw InputError("--std must be above 0");
    }
  }
  return bundle;
}

void tell_guess(const Structure& structure) {
  if (!structure.image->size_guessed) {
    return;
  }
  const ImageSize& size = structure.image->size;
  std::cerr << "note: the file does not tell the size of its images; taken to be square, " << size.height << "x"
            << size.width << "; --size HxW settles it\n";
}

LoadOptions load_options(const ModelOptions& options) {
  LoadOptions load;
  load.pack_bytes = options.pack_mib << 20;
  if (!options.size.empty()) {
    load.input_size = parse_size("--size", options.size);
  }
  if (!options.dtype.empty()) {
    load.dtype = parse_dtype(options.dtype);
  }
  load.output = options.output;
  if (!options.place.empty()) {
    load.output_place = parse_place("--at", options.place);
  }
  load.device = parse_device(options.device);
  return load;
}

void use_threads(const ModelOptions& options) {
  if (options.threads > 0) {
    at::set_num_threads(options.threads);
  }
}

}  // namespace legrad::apps
