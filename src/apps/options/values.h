#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <legrad/structure.h>

#include <array>
#include <string>
#include <vector>

/// Values of options, from text. All throw `InputError` that names the option.
namespace legrad::apps {

/// "HxW", two integers, height first.
ImageSize parse_size(const std::string& option, const std::string& text);

/// "ROW,COLUMN", two integers from 0.
std::array<int64_t, 2> parse_place(const std::string& option, const std::string& text);

/// Three numbers with commas or blanks between them, in one word or several.
std::array<double, 3> parse_channels(const std::string& option, const std::vector<std::string>& words);

/// "float32", "bfloat16", "float16" or "float64".
c10::ScalarType parse_dtype(const std::string& text);

/// The name `parse_dtype` reads.
std::string dtype_name(c10::ScalarType dtype);

/// "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:i".
c10::Device parse_device(const std::string& text);

}  // namespace legrad::apps
