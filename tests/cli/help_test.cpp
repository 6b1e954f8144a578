#include <legrad/methods.h>
#include <legrad/version.h>

#include "support/legrad_program.h"

namespace legrad {
namespace {

using testing::contains;

class Help : public testing::LegradProgram {};

TEST_F(Help, IsThereForEveryCommand) {
  EXPECT_TRUE(contains(succeeds({"--help"}).out, "explain"));
  EXPECT_EQ(succeeds({"--version"}).out, "legrad " LEGRAD_VERSION "\n");
  const std::string help = succeeds({"explain", "--help"}).out;
  for (const char* option :
       {"--model", "--image",   "--class", "--top",      "--text-embedding", "--method", "--similarity",
        "--size",  "--output",  "--at",    "--colormap", "--blend",          "--alpha",  "--device",
        "--dtype", "--threads", "--out",   "--npy",      "--input-npy",      "--mean",   "--std",
        "--pack",  "Examples:"}) {
    EXPECT_TRUE(contains(help, option));
  }
  EXPECT_TRUE(contains(succeeds({"compare", "--help"}).out, "--per-layer"));
  EXPECT_TRUE(contains(succeeds({"inspect", "--help"}).out, "--json"));
  EXPECT_TRUE(contains(succeeds({"methods", "--help"}).out, "--json"));
  EXPECT_TRUE(contains(succeeds({"tokenize", "--help"}).out, "--prompt"));
  EXPECT_TRUE(contains(succeeds({"heads", "--help"}).out, "--text-set"));
}

TEST_F(Help, NamesEveryMethodAndOption) {
  const Methods known = built_in_methods();
  for (const char* command : {"explain", "compare"}) {
    const std::string help = succeeds({command, "--help"}).out;
    for (const MethodRow& row : known.rows()) {
      EXPECT_TRUE(contains(help, "\n  " + row.name));
      for (const MethodOption& option : row.options) EXPECT_TRUE(contains(help, option.key));
    }
  }
}

}  // namespace
}  // namespace legrad
