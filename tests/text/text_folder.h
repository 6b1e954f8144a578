#pragma once

#include <gtest/gtest.h>
#include <legrad/text.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace legrad::testing {

/// The smallest file of merges in OpenAI's form that has some: "low" and "lower" of their letters.
inline const char* const kMerges = "#version: test\nl o\nlo w</w>\nlo w\ne r</w>\nlow er</w>";

/// Ids that a vocabulary of such a file has: 256 letters, 256 at a word's end, what each merge makes.
constexpr int64_t kFirstMerge = 512;

/// The ids of ASCII letters in OpenAI's order, which begins with '!'; with 256 more at a word's end.
inline int64_t id_of(char letter) { return letter - '!'; }
inline int64_t last(char letter) { return id_of(letter) + 256; }

}  // namespace legrad::testing
