#pragma once

#include <legrad/bundle.h>
#include <legrad/vit.h>

#include <string>

namespace legrad::apps {

/// What is known of a model, as a table for people.
std::string describe_text(const Bundle& bundle, const Vit& vit);

/// The same as a JSON object, with the names of `Structure` and `Bundle`.
std::string describe_json(const Bundle& bundle, const Vit& vit);

}  // namespace legrad::apps
