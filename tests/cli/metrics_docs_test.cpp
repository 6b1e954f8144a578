// The table of docs/evaluation.md is what `legrad metrics --json` says. LEGRAD_WRITE_DOCS=1 writes it anew.

#include <gtest/gtest.h>
#include <legrad/eval/data_set.h>
#include <legrad/eval/evaluation.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval {
namespace {

const std::filesystem::path kDocs = std::filesystem::path(LEGRAD_TEST_DATA) / "../../docs/evaluation.md";
constexpr const char* kBegin = "<!-- list of metrics: made by tests/cli/metrics_docs_test.cpp -->\n";
constexpr const char* kEnd = "<!-- end of list -->\n";

/// A row a metric, with all its scores in one cell.
std::string table_of_metrics() {
  std::string lines = "| metric | scores | needs | source |\n|---|---|---|---|";
  std::string last;
  std::string rest;  // of the row
  for (const auto& score : nlohmann::json::parse(metrics_json())) {
    const std::string metric = score.at("metric");
    if (metric != last) {
      std::string needs;
      for (const std::string need : score.at("needs")) needs += (needs.empty() ? "" : ", ") + need;
      lines += rest + "\n| `" + metric + "` | ";
      rest = " | " + needs + " | " + score.at("source").get<std::string>() + " |";
    }
    const char* better = score.at("higher_is_better").get<bool>() ? "" : " (lower is better)";
    lines += (metric == last ? "<br>`" : "`") + score.at("name").get<std::string>() +
             "`: " + score.at("explains").get<std::string>() + better;
    last = metric;
  }
  return lines + rest + "\n";
}

/// `docs` with `table` between the two comments around it.
std::string with_table(const std::string& docs, const std::string& table) {
  const std::string begin = kBegin;
  const size_t first = docs.find(begin);
  const size_t end = docs.find(kEnd, first);
  if (first == std::string::npos || end == std::string::npos) throw std::runtime_error("no list of metrics");
  return docs.substr(0, first + begin.size()) + table + docs.substr(end);
}

TEST(MetricsDocs, ListWhatTheMetricsSay) {
  const auto expected = with_table(testing::file_bytes(kDocs), table_of_metrics());
  if (std::getenv("LEGRAD_WRITE_DOCS")) std::ofstream(kDocs) << expected;
  EXPECT_EQ(testing::file_bytes(kDocs), expected)
      << "docs/evaluation.md is out of date; make it anew with LEGRAD_WRITE_DOCS=1 build/bin/metrics_docs_test";
}

TEST(MetricsDocs, SpeakOfEveryFormat) {
  const auto docs = testing::file_bytes(kDocs);
  for (const std::string& format : data_formats()) EXPECT_TRUE(testing::contains(docs, "\n**`" + format)) << format;
}

}  // namespace
}  // namespace legrad::eval
