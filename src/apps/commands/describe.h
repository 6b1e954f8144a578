#pragma once

#include <string>

#include "apps/options/model.h"

namespace legrad::apps {

/// What is known of a model, as a table for people.
std::string describe_text(const LoadedModel& model);

/// The same as a JSON object, with the names of `Structure` and `Bundle`.
std::string describe_json(const LoadedModel& model);

}  // namespace legrad::apps
