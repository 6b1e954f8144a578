// The table `vjp` gives autograd's gradients: of every operator apart, and of every committed export as a whole.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/npy.h>
#include <legrad/rules.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/passes/lower.h"
#include "graph/read/open.h"
#include "model/load.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

namespace fs = std::filesystem;

// max |found - expected| / max |expected|.
double error(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
  const auto greatest = expected.abs().max().item<double>();
  return (found - expected).abs().max().item<double>() / (greatest > 0 ? greatest : 1);
}

// The greatest error of the gradients at all inputs, for cotangents of noise at all outputs.
double error_of(const graph::Program& program, const std::vector<at::Tensor>& inputs) {
  std::vector<size_t> all;
  for (size_t i = 0; i < inputs.size(); ++i) all.push_back(i);
  const auto by_autograd = program.record(inputs, all);
  const auto by_rules = program.record(inputs, all, vjp_rules());
  std::vector<at::Tensor> cotangents;
  double greatest = 0;
  for (size_t i = 0; i < by_autograd.outputs().size(); ++i) {
    cotangents.push_back(at::randn_like(by_autograd.outputs()[i].detach()));
    greatest = std::max(greatest, error(by_rules.outputs()[i], by_autograd.outputs()[i].detach()));
  }
  const auto expected = by_autograd.pull(cotangents);
  const auto found = by_rules.pull(cotangents);
  for (size_t i = 0; i < inputs.size(); ++i) greatest = std::max(greatest, error(found.at(i), expected.at(i)));
  return greatest;
}

struct Operator {
  std::string name;  // of the case
  std::string body;  // lines that compute %y from %x [2, 3, 4], and perhaps from %z
  std::vector<int64_t> other = {3, 4};
  bool positive = false;
};

void PrintTo(const Operator& op, std::ostream* out) { *out << op.name; }

graph::Program program_of(const Operator& op) {
  return {parsed(R"(
graph(%x : Tensor, %z : Tensor):
  %none : NoneType = prim::Constant()
  %yes : bool = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %0 : int = prim::Constant[value=0]()
  %1 : int = prim::Constant[value=1]()
  %2 : int = prim::Constant[value=2]()
  %3 : int = prim::Constant[value=3]()
  %last : int = prim::Constant[value=-1]()
  %half : float = prim::Constant[value=0.5]()
  %zero : float = prim::Constant[value=0.]()
  %eps : float = prim::Constant[value=1e-05]()
)" + op.body + "\n  return (%y)\n"),
          op.name};
}

class EveryOperator : public testing::TestWithParam<Operator> {};

TEST_P(EveryOperator, HasAutogradsGradient) {
  const auto& op = GetParam();
  auto x = noise({2, 3, 4}), z = noise(op.other);
  if (op.positive) x = x.abs() + 0.1;
  EXPECT_LE(error_of(program_of(op), {x, z}), 1e-10);
  EXPECT_LE(error_of(program_of(op), {x.to(at::kFloat), z.to(at::kFloat)}), 1e-6);
}

std::vector<Operator> operators() {
  const auto one = [](const std::string& name, const std::string& arguments = "%x") {
    return "  %y : Tensor = aten::" + name + "(" + arguments + ")";
  };
  const std::string dims = "  %dims : int[] = prim::ListConstruct(%last)\n";
  const std::string shape =
      "  %four : int = prim::Constant[value=4]()\n  %shape : int[] = prim::ListConstruct(%four)\n";
  return {
      {"add", one("add", "%x, %z, %2")},
      {"sub", one("sub", "%x, %z, %3")},
      {"rsub", one("rsub", "%x, %half, %2")},
      {"mul", one("mul", "%x, %z")},
      {"mul_itself", one("mul", "%x, %x")},
      {"mul_number", one("mul", "%x, %half")},
      {"div", one("div", "%x, %z")},
      {"neg", one("neg")},
      {"pow", one("pow", "%x, %3")},
      {"sqrt", one("sqrt"), {3, 4}, true},
      {"rsqrt", one("rsqrt"), {3, 4}, true},
      {"exp", one("exp")},
      {"erf", one("erf")},
      {"tanh", one("tanh")},
      {"sigmoid", one("sigmoid")},
      {"silu", one("silu")},
      {"relu", one("relu")},
      {"gelu", "  %form : str = prim::Constant[value=\"none\"]()\n" + one("gelu", "%x, %form")},
      {"gelu_tanh", "  %form : str = prim::Constant[value=\"tanh\"]()\n" + one("gelu", "%x, %form")},
      {"clamp_min", one("clamp_min", "%x, %half")},
      {"clamp", one("clamp", "%x, %zero, %half")},
      {"sum", dims + one("sum", "%x, %dims, %no, %none")},
      {"sum_all", one("sum", "%x, %none")},
      {"mean", dims + one("mean", "%x, %dims, %yes, %none")},
      {"mean_all", one("mean", "%x, %none")},
      {"amax", dims + one("amax", "%x, %dims, %no")},
      {"norm", dims + one("linalg_vector_norm", "%x, %2, %dims, %yes, %none")},
      {"softmax", one("softmax", "%x, %1, %none")},
      {"linear",
       "  %w : Tensor = aten::detach(%z)\n  %b : Tensor = aten::select(%w, %1, %0)\n" + one("linear", "%x, %w, %b")},
      {"matmul", one("matmul", "%x, %z"), {4, 5}},
      {"matmul_batches", one("matmul", "%z, %x"), {5, 1, 2, 3}},
      {"bmm", one("bmm", "%x, %z"), {2, 4, 5}},
      {"layer_norm", shape + "  %w : Tensor = aten::select(%z, %0, %0)\n  %d : Tensor = aten::detach(%w)\n" +
                         one("layer_norm", "%x, %shape, %d, %d, %eps, %no")},
      {"rms_norm", shape + "  %w : Tensor = aten::select(%z, %0, %0)\n  %d : Tensor = aten::detach(%w)\n" +
                       one("rms_norm", "%x, %shape, %d, %eps")},
      {"batch_norm",
       "  %v : Tensor = aten::exp(%z)\n  %d : Tensor = aten::detach(%v)\n" +
           one("batch_norm", "%x, %d, %d, %d, %d, %no, %half, %eps, %no"),
       {3}},
      {"group_norm",
       "  %t : Tensor = aten::transpose(%x, %1, %2)\n  %v : Tensor = aten::detach(%z)\n" +
           one("group_norm", "%t, %2, %v, %v, %eps, %no"),
       {4}},
      {"max_pool2d",
       "  %two : int[] = prim::ListConstruct(%2, %2)\n  %one : int[] = prim::ListConstruct(%1, %1)\n"
       "  %zeros : int[] = prim::ListConstruct(%0, %0)\n" +
           one("max_pool2d", "%x, %two, %one, %zeros, %one, %no")},
      {"vector_norm", dims + one("norm", "%x, %2, %dims, %yes")},
      {"repeat_interleave", one("repeat_interleave", "%x, %3, %1, %none")},
      {"permute", "  %order : int[] = prim::ListConstruct(%2, %0, %1)\n" + one("permute", "%x, %order")},
      {"transpose", one("transpose", "%x, %0, %last")},
      {"select", one("select", "%x, %1, %last")},
      {"slice", one("slice", "%x, %2, %1, %none, %2")},
      {"narrow", one("narrow", "%x, %2, %1, %2")},
      {"expand", "  %to : int[] = prim::ListConstruct(%2, %3, %last)\n" + one("expand", "%z, %to, %no"), {3, 1}},
      {"repeat", "  %times : int[] = prim::ListConstruct(%2, %1, %3, %2)\n" + one("repeat", "%x, %times")},
      {"pad",
       "  %by : int[] = prim::ListConstruct(%1, %2, %0, %1)\n  %how : str = prim::Constant[value=\"constant\"]()\n" +
           one("pad", "%x, %by, %how, %none")},
      {"flatten", one("flatten", "%x, %1, %2")},
      {"unsqueeze", one("unsqueeze", "%x, %1")},
      {"cat", "  %both : Tensor[] = prim::ListConstruct(%x, %z, %x)\n" + one("cat", "%both, %1"), {2, 2, 4}},
      {"stack", "  %both : Tensor[] = prim::ListConstruct(%x, %z, %x)\n" + one("stack", "%both, %1"), {2, 3, 4}},
      {"chunk",
       "  %parts : Tensor[] = aten::chunk(%x, %2, %last)\n  %a : Tensor, %b : Tensor = prim::ListUnpack(%parts)\n" +
           one("mul", "%a, %b")},
      {"one_of_unbind",
       "  %parts : Tensor[] = aten::unbind(%x, %0)\n"
       "  %a : Tensor, %b : Tensor = prim::ListUnpack(%parts)\n" +
           one("exp", "%b")},
      {"read_twice", "  %a : Tensor = aten::exp(%x)\n  %b : Tensor = aten::mul(%a, %z)\n" + one("add", "%a, %b, %1")},
      {"detach", "  %a : Tensor = aten::detach(%x)\n" + one("mul", "%a, %x")},
  };
}

INSTANTIATE_TEST_SUITE_P(Vjp, EveryOperator, testing::ValuesIn(operators()),
                         [](const auto& info) { return info.param.name; });

graph::Program attention(const char* mask) {
  return {parsed(std::string(R"(
graph(%q : Tensor, %k : Tensor, %v : Tensor, %m : Tensor):
  %none : NoneType = prim::Constant()
  %no : bool = prim::Constant[value=0]()
  %zero : float = prim::Constant[value=0.]()
  %mask : Tensor = aten::detach(%m)
  %y : Tensor = aten::scaled_dot_product_attention(%q, %k, %v, )") +
                 mask + ", %zero, %no, %none, %no)\n  return (%y)\n"),
          "attention"};
}

/// More rows than are made at once; fewer queries than keys, as a pooler has them; a mask.
TEST(Vjp, AttentionIsPulledThroughInChunksOfRows) {
  const auto of = [](int64_t queries, int64_t keys) {
    return std::vector<at::Tensor>{noise({1, 2, queries, 3}), noise({1, 2, keys, 3}), noise({1, 2, keys, 3}),
                                   noise({1, 1, queries, keys})};
  };
  EXPECT_LE(error_of(attention("%none"), of(1100, 1100)), 1e-10);
  EXPECT_LE(error_of(attention("%mask"), of(1100, 1100)), 1e-10);
  EXPECT_LE(error_of(attention("%mask"), of(2, 7)), 1e-10);
}

TEST(Vjp, AnOperatorWithoutARuleIsRefusedByName) {
  const graph::Program program(parsed(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %none : NoneType = prim::Constant()
  %y : Tensor = aten::cumprod(%x, %zero, %none)
  return (%y))"),
                               "cumprod");
  const auto tape = program.record({noise({3})}, {0}, vjp_rules());
  try {
    tape.pull({noise({3})});
    FAIL() << "there is a rule";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::kNoRule);
    EXPECT_NE(std::string(error.what()).find("vjp has no rule for aten::cumprod"), std::string::npos) << error.what();
  }
}

fs::path fixtures_folder() {
  const char* const other = std::getenv("LEGRAD_FIXTURES");  // the whole matrix: tests/oracle/make_matrix.py
  return other ? fs::path(other) : fs::path(LEGRAD_TEST_DATA) / "fixtures";
}

nlohmann::json description_of(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(fixtures_folder() / name / "fixture.json"));
}

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fixtures_folder())) {
    const auto name = entry.path().filename().string();
    if (fs::exists(entry.path() / "fixture.json") && !description_of(name).contains("refusal")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class EveryModel : public testing::TestWithParam<std::string> {};

TEST_P(EveryModel, HasAutogradsGradientAtItsImages) {
  const auto folder = fixtures_folder() / GetParam();
  const auto fixture = description_of(GetParam());
  const auto images = read_npy(folder / fixture.at("images").get<std::string>()).to(at::kDouble);
  auto source = graph::open_source(folder / fixture.at("file").get<std::string>());
  const auto options = model::straighten_options(source, {.dtype = at::kDouble});
  graph::convert(source, options.device, options.from_dtype, options.to_dtype);
  const auto batch = GetParam().ends_with("static") ? images.narrow(0, 0, 1) : images;
  const auto lowered = graph::lower(source, batch, options);
  const graph::Program line(lowered.line.graph->copy(), GetParam());
  const bool computes_in_float = fixture.value("converted", false);  // it may say so itself, whatever its weights are
  EXPECT_LE(error_of(line, {batch}), computes_in_float ? 1e-6 : 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Vjp, EveryModel, testing::ValuesIn(fixtures()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace legrad::test
