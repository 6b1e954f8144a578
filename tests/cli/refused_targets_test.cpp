#include <ATen/ATen.h>
#include <legrad/npy.h>

#include <limits>

#include "support/legrad_program.h"

namespace legrad {
namespace {

class RefusedTargets : public testing::LegradProgram {};

TEST_F(RefusedTargets, ThatTheModelHasNot) {
  std::string misspelt = bundle().labels[0];
  misspelt.back() = '#';
  const std::string count = std::to_string(bundle().labels.size());
  const std::string more = std::to_string(bundle().labels.size() + 1);
  refuses(explain({"--class", misspelt}), "'" + bundle().labels[0] + "'");
  refuses(explain({"--class", count}), "out of range");
  refuses(explain({"--class", "-" + more}), "out of range");
  refuses(explain({"--class", "99999999999999999999"}), "unknown class");
  refuses(explain({"--class", "line\nbreak"}), "unknown class");
  refuses(explain({"--top", more}), "the best " + more);
  refuses(explain_with(bundle().vision.string(), {"--class", count}), "out of range");
  refuses(explain_with(bundle().vision.string(), {"--class", "dog"}), "without labels");
}

TEST_F(RefusedTargets, ThatAreEmbeddingsOfAnotherKind) {
  const int64_t width = static_cast<int64_t>(bundle().labels.size());
  const auto refuses_embedding = [&](const at::Tensor& embedding, const std::string& part) {
    write_npy(path("text.npy"), embedding);
    refuses(explain({"--text-embedding", path("text.npy")}), part);
  };
  refuses_embedding(at::rand({width + 1}), "[" + std::to_string(width) + "]");
  refuses_embedding(at::ones({width}, at::kLong), "floating-point");
  refuses_embedding(at::full({width}, std::numeric_limits<float>::quiet_NaN()), "NaN");
  refuses(explain({"--text-embedding", path("none.npy")}), "no such file");
  refuses(explain({"--text-embedding", path("scene.png")}), "no NumPy array");
}

}  // namespace
}  // namespace legrad
