// Every input that is kept for a fuzzer, among them those that found something once, without the fuzzer.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "fuzz/targets.h"

namespace {

using Target = std::pair<const char*, void (*)(std::string_view)>;

class CorpusTest : public testing::TestWithParam<Target> {};

TEST_P(CorpusTest, IsReadOrRefused) {
  const auto [name, target] = GetParam();
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(LEGRAD_CORPUS) / name)) {
    SCOPED_TRACE(entry.path().filename());
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_NO_THROW(target(input));
    ++inputs;
  }
  EXPECT_GT(inputs, 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, CorpusTest,
                         testing::Values(Target{"archive", legrad::fuzz::archive}, Target{"array", legrad::fuzz::array},
                                         Target{"code", legrad::fuzz::code}, Target{"data", legrad::fuzz::data},
                                         Target{"manifest", legrad::fuzz::manifest},
                                         Target{"pickle", legrad::fuzz::pickle},
                                         Target{"picture", legrad::fuzz::picture},
                                         Target{"program", legrad::fuzz::program}, Target{"spec", legrad::fuzz::spec}),
                         [](const auto& info) { return info.param.first; });

}  // namespace
