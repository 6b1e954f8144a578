#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace legrad::io {

/// What the header of a NumPy array file says.
struct NpyHeader {
  std::string descr;           ///< dtype, such as "<f4"
  bool fortran_order = false;  ///< first index fastest
  std::vector<int64_t> shape;
  size_t data = 0;  ///< where the array starts in the file
};

/// Reads the header at the start of `bytes`. Throws `InputError`, without the file's name, for what is none.
NpyHeader parse_npy_header(std::string_view bytes);

/// A version 1.0 header, padded so that the array starts at a multiple of 64 bytes.
std::string make_npy_header(const std::string& descr, const std::vector<int64_t>& shape);

}  // namespace legrad::io
