#include "text/gunzip.h"

#include <legrad/error.h>
#include <zlib.h>

namespace legrad::text {
namespace {

/// zlib's state, ended whatever happens.
class Inflater {
 public:
  Inflater() {
    constexpr int kGzip = 16;
    if (inflateInit2(&stream_, kGzip + MAX_WBITS) != Z_OK) {
      throw Error("zlib cannot be started");
    }
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_ = {};
};

}  // namespace

std::string gunzip(std::string_view packed, size_t most) {
  constexpr size_t kChunk = size_t{1} << 16;
  Inflater inflater;
  z_stream& stream = inflater.stream();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string bytes;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    const size_t before = bytes.size();
    bytes.resize(before + kChunk);
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + before);
    stream.avail_out = static_cast<uInt>(kChunk);
    state = inflate(&stream, Z_NO_FLUSH);
    bytes.resize(before + kChunk - stream.avail_out);
    if (bytes.size() > most) {
      throw ModelError("it unpacks to more than " + std::to_string(most) + " bytes", Reason::kTooLarge);
    }
    if (state != Z_OK && state != Z_STREAM_END) {
      throw ModelError("it is a damaged or incomplete gzip file", Reason::kDamaged);
    }
  }
  return bytes;
}

}  // namespace legrad::text
