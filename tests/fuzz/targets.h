#pragma once

#include <string_view>

namespace legrad::fuzz {

// What is fuzzed, a source each: a function that is given any bytes at all. What it throws, and all that a sanitizer
// sees, is a fault.
void archive(std::string_view input);
void array(std::string_view input);
void code(std::string_view input);
void data(std::string_view input);
void manifest(std::string_view input);
void pickle(std::string_view input);
void picture(std::string_view input);
void program(std::string_view input);
void spec(std::string_view input);

}  // namespace legrad::fuzz
