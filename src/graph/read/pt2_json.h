#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "graph/read/archive.h"

namespace legrad::graph {

/// A record of an archive as JSON; its size and nesting are bounded.
nlohmann::json read_json(const Archive& archive, const std::string& record);

/// A number that is whole and fits. (`get` cuts off what does not, and 2.5 or 2^64 + 2 would be read as 2.)
int64_t integer(const nlohmann::json& number);

/// torch.export's number for a dtype.
c10::ScalarType scalar_type(const nlohmann::json& number);

/// An argument is an object with one member, whose name is its kind.
struct Tagged {
  std::string kind;
  const nlohmann::json& value;
};
Tagged tagged(const nlohmann::json& object);

}  // namespace legrad::graph
