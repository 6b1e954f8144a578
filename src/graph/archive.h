#pragma once

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <string>

namespace legrad::graph {

/// A TorchScript archive that was looked at, loaded and put into eval mode.
struct Archive {
  torch::jit::Module module;
  std::string description;  ///< as in "TorchScript"
};

/// Looks at a file, and loads it only if nothing in it runs by being loaded: its code is read as text first, and refused
/// if it holds `__setstate__`, operators that touch files, or operators of unknown namespaces. The CRC-32 of every record is
/// checked. Throws `ModelError` for everything that is no TorchScript archive, is damaged, or is refused.
Archive open_archive(const std::filesystem::path& file, c10::Device device);

}  // namespace legrad::graph
