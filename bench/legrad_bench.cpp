// Times an explanation against a plain forward of the same file, interleaved in one run, so that their ratio means
// something on a busy machine. Prints one JSON object.

#include <ATen/Parallel.h>
#include <legrad/legrad.h>
#include <legrad/rules.h>
#include <torch/script.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "apps/options/values.h"
#include "peak_memory.h"
#include "program.h"
#include "timing.h"

namespace {

using legrad::bench::median;
using legrad::bench::milliseconds;

struct Options {
  std::string model;
  std::string size;
  std::string dtype;
  std::string device = "cpu";
  std::string methods = "legrad";
  int64_t batch = 1;
  int64_t targets = 1;
  int threads = 0;
  int runs = 15;
  bool embeddings = false;
  bool correct = false;
  std::string rules;
  std::string against;
  bool on_request = false;
  bool json = false;
};

/// Random directions that the output is compared with.
at::Tensor embeddings(int64_t count, const legrad::Structure& structure) {
  return at::randn({count, structure.output_width}).to(structure.device, structure.dtype);
}

/// What is explained: the first entries of the output, or such directions.
legrad::Target target(const Options& options, const legrad::Structure& structure) {
  if (options.embeddings || options.correct) return embeddings(options.targets, structure);
  std::vector<int64_t> classes(options.targets);
  std::iota(classes.begin(), classes.end(), 0);
  return classes;
}

/// How this run compares with an earlier one of the same case, whose JSON is in a file.
nlohmann::json compared(const nlohmann::json& now, const std::string& file) {
  nlohmann::json before;
  try {
    before = nlohmann::json::parse(std::ifstream(file));
    for (const char* key : {"methods", "size", "batch", "targets", "threads", "dtype", "device", "correct"}) {
      const auto was = before.value(key, nlohmann::json(now.at(key)));  // an earlier version wrote fewer
      if (was != now.at(key)) {
        throw legrad::InputError("--against '" + file + "' is another case: its " + key + " is " + was.dump() +
                                 ", here it is " + now.at(key).dump());
      }
    }
    const auto change = [&](const char* key) { return now.at(key).get<double>() / before.at(key).get<double>(); };
    return {{"ratio", change("ratio")},
            {"forward_ms", change("forward_ms")},
            {"explain_ms", change("explain_ms")},
            {"extra_mib", now.at("extra_mib").get<double>() - before.at("extra_mib").get<double>()}};
  } catch (const nlohmann::json::exception&) {
    throw legrad::InputError("--against '" + file + "' holds no result of this program");
  }
}

// An accelerator works on after it was told what to do; a number that is asked for comes when all before it is done.
void wait_for(c10::Device device) {
  if (!device.is_cpu()) at::zeros({1}, device).item();
}

// The archive in the images' type, where they are. Numbers that count or index stay as they are.
torch::jit::Module load_for(const at::Tensor& images, const std::string& file) {
  auto module = torch::jit::load(file, images.device());
  module.eval();
  bool converted = false;
  const auto convert = [&](const at::Tensor& tensor) {
    if (!tensor.is_floating_point() || tensor.scalar_type() == images.scalar_type()) return;
    tensor.set_data(tensor.to(images.scalar_type()));
    converted = true;
  };
  for (const auto& parameter : module.parameters()) convert(parameter);
  for (const auto& buffer : module.buffers()) convert(buffer);
  if (!converted) return module;
  try {
    module.forward({images});
  } catch (const std::exception&) {
    throw legrad::InputError(
        "the file's own forward runs in its own type alone, so there is nothing to compare with in " +
        legrad::apps::dtype_name(images.scalar_type()) + "; leave --dtype out");
  }
  return module;
}

// The best plain forward a user could have: the archive as it is, or frozen, whichever is faster here in the median of
// up to so many runs after some to warm up.
torch::jit::Module faster_of_original_and_frozen(const std::string& file, const at::Tensor& images, int runs,
                                                 std::string& which) {
  auto original = load_for(images, file);
  which = "original";
  torch::jit::Module frozen;
  try {
    frozen = torch::jit::freeze(original.clone());
  } catch (const std::exception&) {
    return original;  // a frozen archive cannot be frozen again
  }
  const auto time = [&](torch::jit::Module& module) {
    std::vector<double> times;
    const int warm_up = std::min(runs - 1, 3);
    const int timed = std::min(runs, 4);
    times.reserve(warm_up + timed);
    for (int i = 0; i < warm_up + timed; ++i) {
      times.push_back(milliseconds([&] {
        module.forward({images});
        wait_for(images.device());
      }));
    }
    return median({times.begin() + warm_up, times.end()});
  };
  if (time(frozen) >= time(original)) return original;
  which = "frozen";
  return frozen;
}

nlohmann::json measure(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  legrad::LoadOptions load;
  if (!options.size.empty()) load.input_size = legrad::apps::parse_size("--size", options.size);
  load.device = legrad::apps::parse_device(options.device);
  if (!options.dtype.empty()) load.dtype = legrad::apps::parse_dtype(options.dtype);
  auto vit = legrad::Vit::load(options.model, load);
  if (options.rules == "vjp") vit = vit.by_rules(legrad::vjp_rules());
  const auto& structure = vit.structure();
  const c10::InferenceMode inference;
  const auto images =
      at::rand({options.batch, structure.image->channels, structure.image->size.height, structure.image->size.width})
          .to(structure.device, structure.dtype);

  const auto wanted = target(options, structure);
  const auto known = legrad::built_in_methods();
  const auto chosen = known.parse_list(options.methods, vit);
  std::vector<legrad::Method> methods;
  methods.reserve(chosen.size());
  for (const auto& one : chosen) methods.push_back(one.method);
  const legrad::Correction correction{.empty = embeddings(1, structure)};
  const auto run = [&](const std::vector<legrad::Method>& some) {
    if (options.correct) {
      legrad::explain(vit, images, wanted, some, correction);
    } else {
      legrad::explain(vit, images, wanted, some);
    }
    wait_for(structure.device);
  };
  const auto explain = [&] { run(methods); };

  std::string plain_form;
  auto plain = faster_of_original_and_frozen(options.model, images, options.runs, plain_form);
  plain.forward({images});
  const double before = legrad::bench::resident_mib();
  explain();
  const double extra = legrad::bench::peak_mib([&] { explain(); }) - before;
  std::vector<double> forward_times;
  std::vector<double> explain_times;
  std::vector<std::vector<double>> alone_times(chosen.size() > 1 ? chosen.size() : 0);
  const auto round = [&] {
    forward_times.push_back(milliseconds([&] {
      plain.forward({images});
      wait_for(structure.device);
    }));
    explain_times.push_back(milliseconds([&] { explain(); }));
    for (size_t m = 0; m < alone_times.size(); ++m) {
      alone_times[m].push_back(milliseconds([&] { run({methods[m]}); }));
    }
  };
  if (options.on_request) {
    std::cout << nlohmann::json{{"extra_mib", extra}} << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      round();
      std::cout << nlohmann::json{{"forward_ms", forward_times.back()}, {"explain_ms", explain_times.back()}}
                << std::endl;
    }
    if (forward_times.empty()) throw legrad::InputError("--on-request was asked for no round");
  } else {
    for (int i = 0; i < options.runs; ++i) round();
  }
  const double forward_ms = median(forward_times);
  const double explain_ms = median(explain_times);
  nlohmann::json result = {
      {"forward_ms", forward_ms},
      {"explain_ms", explain_ms},
      {"ratio", explain_ms / forward_ms},
      {"extra_mib", extra},
      {"forward", plain_form},
      {"methods", options.methods},
      {"size", std::to_string(structure.image->size.height) + "x" + std::to_string(structure.image->size.width)},
      {"batch", options.batch},
      {"targets", options.targets},
      {"embeddings", options.embeddings},
      {"correct", options.correct},
      {"rules", options.rules},
      {"dtype", legrad::apps::dtype_name(structure.dtype)},
      {"device", structure.device.str()},
      {"threads", at::get_num_threads()},
      {"runs", forward_times.size()}};
  if (!alone_times.empty()) {
    double sum = 0;
    for (size_t m = 0; m < chosen.size(); ++m) {
      const double alone = median(alone_times[m]);
      result["alone_ms"][chosen[m].spec] = alone;
      sum += alone;
    }
    result["sum_of_alone_ms"] = sum;
  }
  return result;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is thrown while an error is printed may end the program
int main(int argc, char** argv) {
  Options options;
  CLI::App app("Times an explanation against the faster of the plain and the frozen forward of a TorchScript ViT.");
  app.add_option("--model", options.model, "TorchScript file")->required()->check(CLI::ExistingFile);
  app.add_option("--size", options.size, "Input size HxW [what the file says]");
  app.add_option("--dtype", options.dtype, "float32, bfloat16, float16 or float64, for both [what the file says]");
  app.add_option("--device", options.device,
                 "cpu, cuda, cuda:N or auto, for both; extra_mib is the host's memory wherever they run")
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Images in a call")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--targets", options.targets, "Targets in a call")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option(
         "--methods", options.methods,
         "all, or a comma list of methods with options, as in legrad/readout=token_mean,rollout, to run at once; of "
         "several, each is timed alone too")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads [all cores]")->check(CLI::Range(1, 1024));
  app.add_option("--runs", options.runs, "Interleaved runs; medians are printed")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_flag("--embeddings", options.embeddings, "Targets are random embeddings that the output is compared with");
  app.add_flag("--correct", options.correct,
               "Targets are embeddings, and one more corrects their maps, as the empty prompt's does a SigLIP's");
  app.add_option("--rules", options.rules, "vjp: gradients by the table of rules instead of autograd")
      ->check(CLI::IsMember({"vjp"}));
  app.add_option("--against", options.against, "An earlier result of the same case, to say what has changed")
      ->check(CLI::ExistingFile);
  app.add_flag(
      "--on-request", options.on_request,
      "Waits for a line of standard input before each round and then prints its times, so that rounds of other "
      "programs can come between; at the end of the input, the medians");
  app.add_flag("--json", options.json, "One JSON object on one line and nothing else");
  return legrad::bench::run_program("legrad_bench", app, argc, argv, [&] {
    auto result = measure(options);
    if (!options.against.empty()) result["against"] = compared(result, options.against);
    std::cout << result.dump(options.json ? -1 : 2) << "\n";
  });
}
