// The lists of docs/methods.md are what the rows of the methods say. LEGRAD_WRITE_DOCS=1 writes them anew.

#include <gtest/gtest.h>
#include <legrad/methods.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace legrad {
namespace {

const std::filesystem::path kDocs = std::filesystem::path(LEGRAD_TEST_DATA) / "../../docs/methods.md";
constexpr const char* kEnd = "<!-- end of list -->\n";

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// `docs` with `lines` between the comment that names the list and its end.
std::string with_list(const std::string& docs, const std::string& list, const std::string& lines) {
  const std::string begin = "<!-- list of " + list + ": made by tests/methods/methods_docs_test.cpp -->\n";
  const size_t first = docs.find(begin);
  const size_t end = docs.find(kEnd, first);
  if (first == std::string::npos || end == std::string::npos) throw std::runtime_error("no list of " + list);
  return docs.substr(0, first + begin.size()) + lines + docs.substr(end);
}

std::string list_of_methods(const Methods& methods) {
  std::string lines = "| method | | explains | source | looks at the target |\n|---|---|---|---|---|\n";
  for (const auto& row : methods.rows()) {
    const std::string header = "../include/legrad/methods/" + row.name + ".h";
    lines += "| [`" + row.name + "`](" + header + ") | " + row.title + " | " + row.explains + " | " + row.source +
             " | " + (row.looks_at_target ? "yes" : "no") + " |\n";
  }
  return lines;
}

std::string list_of_options(const Methods& methods) {
  std::string lines = "| option | takes | default | meaning |\n|---|---|---|---|\n";
  for (const auto& row : methods.rows()) {
    for (const auto& option : row.options) {
      const std::string standard = option.default_value.empty() ? "" : "`" + option.default_value + "`";
      lines += "| `" + row.name + "/" + option.key + "` | " + to_string(option.type) + " | " + standard + " | " +
               option.meaning + " |\n";
    }
  }
  return lines;
}

TEST(MethodsDocs, ListWhatTheRowsSay) {
  const auto methods = built_in_methods();
  const auto found = text_of(kDocs);
  const auto expected =
      with_list(with_list(found, "methods", list_of_methods(methods)), "options", list_of_options(methods));
  if (std::getenv("LEGRAD_WRITE_DOCS")) std::ofstream(kDocs) << expected;
  EXPECT_EQ(text_of(kDocs), expected)
      << "docs/methods.md is out of date; make it anew with LEGRAD_WRITE_DOCS=1 build/bin/methods_docs_test";
}

/// The headers that it points to are there.
TEST(MethodsDocs, EveryMethodHasItsHeader) {
  for (const auto& name : built_in_methods().names()) {
    EXPECT_TRUE(std::filesystem::exists(kDocs.parent_path() / "../include/legrad/methods" / (name + ".h"))) << name;
  }
}

}  // namespace
}  // namespace legrad
