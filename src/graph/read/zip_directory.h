#pragma once

#include <caffe2/serialize/read_adapter_interface.h>

#include <cstdint>
#include <string>
#include <vector>

namespace legrad::graph {

/// One entry of a zip archive's directory.
struct ZipEntry {
  std::string name;
  bool compressed = false;
  uint32_t checksum = 0;
  uint64_t stored = 0;  ///< bytes in the archive
  uint64_t size = 0;    ///< bytes when unpacked
  uint64_t header = 0;  ///< where its own header starts
  uint64_t data = 0;    ///< where its bytes start
};

/// Bytes of an archive. Throws `ModelError`, without the archive's name, where it does not hold so many.
std::vector<unsigned char> read_bytes(const caffe2::serialize::ReadAdapterInterface& file, uint64_t offset,
                                      uint64_t count);

/// The entries in order of their place. No two share a byte, all lie before the directory, and each has the name that
/// the directory gives it. Throws `ModelError`, without the archive's name, for everything else.
std::vector<ZipEntry> read_zip_directory(const caffe2::serialize::ReadAdapterInterface& file);

/// Reads an entry whole and compares it with its CRC-32. LibTorch does not: a flipped bit of a weight loads without a
/// word.
void check_contents(const caffe2::serialize::ReadAdapterInterface& file, const ZipEntry& entry);

}  // namespace legrad::graph
