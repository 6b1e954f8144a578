#include "eval/data/json_file.h"

#include <cstdint>

#include "io/parse_json.h"
#include "io/read_file.h"

namespace legrad::eval::data {

nlohmann::json read_json(const std::filesystem::path& file, const char* what) {
  constexpr uint64_t kMaxFile = uint64_t{1} << 26;
  const std::string text = io::read_file(file, kMaxFile, what);
  return told_with(what + (" '" + file.string() + "'"), [&] { return io::parse_json(text); });
}

}  // namespace legrad::eval::data
