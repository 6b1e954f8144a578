#include <ATen/ops/empty.h>
#include <legrad/error.h>
#include <legrad/npy.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"
#include "io/npy_header.h"
#include "io/read_file.h"

namespace legrad {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are read and written as they lie in memory");

constexpr uint64_t kMaxFileSize = uint64_t{1} << 34;
constexpr uint64_t kMaxHeader = uint64_t{1} << 17;

/// A NumPy dtype and how it is held.
struct Dtype {
  const char* descr;
  at::ScalarType stored;  ///< the same bytes
  at::ScalarType held;    ///< what `read_npy` makes of it: few operators know wide unsigned integers
};

constexpr std::array kDtypes = {
    Dtype{"|b1", at::kBool, at::kBool},   Dtype{"|i1", at::kChar, at::kChar},   Dtype{"|u1", at::kByte, at::kByte},
    Dtype{"<i2", at::kShort, at::kShort}, Dtype{"<i4", at::kInt, at::kInt},     Dtype{"<i8", at::kLong, at::kLong},
    Dtype{"<u2", at::kUInt16, at::kInt},  Dtype{"<u4", at::kUInt32, at::kLong}, Dtype{"<u8", at::kUInt64, at::kLong},
    Dtype{"<f2", at::kHalf, at::kHalf},   Dtype{"<f4", at::kFloat, at::kFloat}, Dtype{"<f8", at::kDouble, at::kDouble},
};

const Dtype& dtype_of(const std::string& descr) {
  const auto* const found =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& dtype) { return dtype.descr == descr; });
  if (found == kDtypes.end()) {
    throw InputError("its dtype is '" + descr + "'; bool, integers and float16, 32 and 64 are read, little-endian");
  }
  return *found;
}

/// Checks that the array fills the `available` bytes exactly, before any memory is taken for it.
void check_size(const std::vector<int64_t>& shape, size_t item_size, size_t available) {
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  uint64_t bytes = empty ? 0 : item_size;
  for (const int64_t size : shape) {
    if (!empty && static_cast<uint64_t>(size) > std::numeric_limits<uint64_t>::max() / bytes) {
      throw InputError("its header asks for more than the file holds");
    }
    bytes *= static_cast<uint64_t>(size);
  }
  // Of no elements, but still with strides, which are products of the other sizes.
  uint64_t product = item_size;
  for (const int64_t size : shape) {
    const auto factor = static_cast<uint64_t>(std::max<int64_t>(size, 1));
    if (factor > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / product) {
      throw InputError("its header asks for more than memory can hold");
    }
    product *= factor;
  }
  if (bytes != available) {
    throw InputError("its header asks for " + std::to_string(bytes) + " bytes of data, the file holds " +
                     std::to_string(available));
  }
}

/// All dimensions in reverse order.
at::Tensor transposed(const at::Tensor& array) {
  std::vector<int64_t> reversed(static_cast<size_t>(array.dim()));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return array.permute(reversed).contiguous();
}

at::Tensor from_bytes(const io::NpyHeader& header, std::string_view bytes) {
  const Dtype& dtype = dtype_of(header.descr);
  std::vector<int64_t> shape = header.shape;
  if (header.fortran_order) {
    std::reverse(shape.begin(), shape.end());
  }
  at::Tensor array = at::empty(shape, at::TensorOptions(dtype.stored));
  if (!bytes.empty()) {
    std::memcpy(array.data_ptr(), bytes.data(), bytes.size());
  }
  if (header.fortran_order) {
    array = transposed(array);
  }
  if (dtype.stored == at::kBool && std::any_of(bytes.begin(), bytes.end(), [](unsigned char b) { return b > 1; })) {
    throw InputError("it holds truth values that are neither 0 nor 1");
  }
  at::Tensor held = array.to(dtype.held);
  if (dtype.stored == at::kUInt64 && held.lt(0).any().item<bool>()) {
    throw InputError("it holds integers beyond 2^63");
  }
  return held;
}

const char* descr_of(at::ScalarType type) {
  const auto* const found =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& dtype) { return dtype.stored == type; });
  return found == kDtypes.end() ? nullptr : found->descr;
}

}  // namespace

at::Tensor read_npy(const std::filesystem::path& file) {
  io::OpenFile opened(file, kMaxFileSize, "array");
  try {
    // The header first: a file that says of itself that it is no such array is not read.
    const io::NpyHeader header = io::parse_npy_header(opened.read(0, std::min<uint64_t>(opened.size(), kMaxHeader)));
    if (header.data > opened.size()) throw InputError("it is cut short");
    const uint64_t available = opened.size() - header.data;
    check_size(header.shape, at::elementSize(dtype_of(header.descr).stored), available);
    return from_bytes(header, opened.read(header.data, available));
  } catch (const InputError& error) {
    throw InputError("cannot read array '" + file.string() + "': " + error.what(), error.reason());
  }
}

void write_npy(const std::filesystem::path& file, const at::Tensor& tensor) {
  if (!tensor.defined()) {
    throw InputError("cannot write '" + file.string() + "': the tensor is undefined");
  }
  at::Tensor array = tensor.detach();
  if (array.scalar_type() == at::kBFloat16) {
    array = array.to(at::kFloat);
  }
  const char* const descr = descr_of(array.scalar_type());
  if (descr == nullptr) {
    throw InputError("cannot write '" + file.string() + "': NumPy knows no " + toString(array.scalar_type()));
  }
  array = array.to(at::kCPU).contiguous();
  const std::string header = io::make_npy_header(descr, array.sizes().vec());
  io::write_atomically(file, {header, {static_cast<const char*>(array.data_ptr()), array.nbytes()}});
}

}  // namespace legrad
