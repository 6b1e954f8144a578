#pragma once

#include <ATen/ops/full.h>
#include <gtest/gtest.h>
#include <legrad/explainer.h>
#include <legrad/image.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/run_program.h"
#include "support/temporary_folder.h"

namespace legrad::testing {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// A picture of 40 x 60 pixels with some shapes in it.
inline at::Tensor scene() {
  at::Tensor image = at::full({40, 60, 3}, 200).to(at::kByte);
  image.narrow(0, 5, 20).narrow(1, 30, 20).select(2, 1).fill_(20);
  image.narrow(0, 22, 12).narrow(1, 6, 12).select(2, 0).fill_(240);
  return image;
}

/// Runs the program `legrad` as a user does, in a folder with two pictures of one name: scene.png and more/scene.png.
/// LEGRAD_PROGRAM is its path.
class LegradProgram : public ::testing::Test {
 protected:
  static constexpr const char* kModel = LEGRAD_MODELS "/emoji-vit";

  LegradProgram() {
    write_image(folder_ / "scene.png", scene());
    std::filesystem::create_directory(folder_ / "more");
    write_image(folder_ / "more/scene.png", scene().flip({1}).contiguous());
    before_ = folder_.entries();
  }

  /// The bundled model, loaded once for all tests of a program.
  static const Bundle& bundle() {
    static const Bundle bundle = Bundle::open(kModel);
    return bundle;
  }
  static const Vit& vit() {
    static const Vit vit = load_model(bundle());
    return vit;
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// `legrad explain` of one picture, by the bundled model or another.
  Arguments explain(const Arguments& more = {}) const { return explain_with(kModel, more); }
  Arguments explain_with(const std::string& model, const Arguments& more = {}) const {
    return Arguments{"explain", "--model", model, "--image", path("scene.png"), "--out", path("out")} + more;
  }
  /// `legrad explain` of an array.
  Arguments explain_array(const std::string& file, const Arguments& more = {}) const {
    return Arguments{"explain", "--model", kModel, "--input-npy", path(file), "--out", path("out")} + more;
  }

  static Ran runs(const Arguments& arguments) { return run_program(LEGRAD_PROGRAM, arguments); }

  static Ran succeeds(const Arguments& arguments) {
    Ran ran = runs(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    return ran;
  }

  /// Runs it and checks what holds for every bad input: exit code 2, one line on stderr, nothing on stdout, nothing
  /// written. `part` must be in the line.
  void refuses(const Arguments& arguments, const std::string& part) const {
    const size_t before = folder_.entries();
    const Ran ran = runs(arguments);
    std::string line;
    for (const std::string& argument : arguments) line += argument.substr(0, 100) + " ";
    SCOPED_TRACE(line);
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(ran.err.starts_with("legrad: error: ")) << ran.err;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_TRUE(ran.err.ends_with("\n"));
    EXPECT_TRUE(contains(ran.err, part));
    EXPECT_EQ(folder_.entries(), before) << "something was written";
  }

  TemporaryFolder folder_;
  size_t before_ = 0;
};

}  // namespace legrad::testing
