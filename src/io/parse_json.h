#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace legrad::io {

/// What a JSON document may hold. A value takes up to 150 bytes of memory, whatever few letters it is written with.
struct JsonLimits {
  size_t values = size_t{1} << 22;  ///< objects, lists, their keys and what is in them
  size_t depth = 64;
};

/// Parses a document after its size was counted. Throws `ModelError`, which begins with "it", if it is beyond the
/// limits, is no JSON, or holds a number that no double can hold.
nlohmann::json parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace legrad::io
