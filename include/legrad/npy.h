#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace legrad {

/// Reads a NumPy array file (format 1.0 to 3.0; bool, integers, float16/32/64; little-endian; C or Fortran order; no
/// objects). uint16 becomes int32, uint32 and uint64 become int64. Throws `InputError` for anything else, and for a
/// header whose sizes do not match the file's.
at::Tensor read_npy(const std::filesystem::path& file);

/// Writes a tensor as a NumPy array, C order; bfloat16, which NumPy lacks, as float32. The file appears whole or not at
/// all. Throws `InputError` if it cannot.
void write_npy(const std::filesystem::path& file, const at::Tensor& tensor);

}  // namespace legrad
