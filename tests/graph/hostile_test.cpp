// Files made to do harm by being loaded: to write a file, to stop the process, to take its time or its memory. Each is
// a model that is accepted, with one thing changed and its checksums right, and is refused by name in a process of its
// own.

#include <gtest/gtest.h>
#include <legrad/vit.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/in_child.h"
#include "support/records.h"
#include "support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using legrad::Reason;
using legrad::testing::Outcome;
using legrad::testing::Records;
using legrad::testing::ZipWriter;
using nlohmann::json;
using namespace std::string_literals;

constexpr double kSecondsAllowed = 20;
constexpr int64_t kKilobytesAllowed = 2 << 20;

const char* const kTiny = "code/__torch__/tiny.py";
const char* const kModel = "models/model.json";

std::string repeated(const std::string& text, size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

Records records(const std::string& name) { return Records(fs::path(LEGRAD_TEST_DATA) / "refusals" / (name + ".pt")); }

struct Hostile {
  std::string name;
  Reason reason;
  std::string words;  ///< part of the message
  std::function<std::string()> archive;
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

/// A file with statements in the forward.
std::function<std::string()> running(const std::string& statements) {
  return [statements] {
    auto file = records("accepted");
    file.insert(kTiny, "return (head).forward(_0, )", statements);
    return file.bytes();
  };
}

/// A TorchScript file with one record changed.
std::function<std::string()> changed(const std::function<void(Records&)>& change,
                                     const std::string& base = "accepted") {
  return [change, base] {
    auto file = records(base);
    change(file);
    return file.bytes();
  };
}

void rename_code(Records& file, const std::string& folder, const std::string& ending) {
  std::vector<std::string> names;
  for (const auto& [name, content] : file.all()) {
    if (name.rfind("code/", 0) == 0) names.push_back(name);
  }
  for (const auto& name : names) file.rename(name, folder + name.substr(4, name.size() - 7) + ending);
}

std::string pickle_of(const std::string& value) { return "\x80\x02" + value + "."; }

/// One record's bytes under many names.
std::string shared_bytes() {
  ZipWriter zip;
  records("accepted").add_to(zip);
  auto entry = zip.add("archive/extra/0", std::string(size_t{64} << 20, '\0'), /*compressed=*/true);
  for (int i = 1; i < 50; ++i) {
    entry.name = "archive/extra/" + std::to_string(i);
    zip.add_to_directory(entry);
  }
  return zip.finish();
}

/// A record whose bytes are a record.
std::string record_in_a_record() {
  ZipWriter inner;
  auto entry = inner.add("archive/extra/1", "content");
  ZipWriter zip;
  records("accepted").add_to(zip);
  const auto outer = zip.add("archive/extra/0", inner.records());
  entry.header = outer.data;
  zip.add_to_directory(entry);
  return zip.finish();
}

std::string many_records() {
  ZipWriter zip;
  records("accepted").add_to(zip);
  for (int i = 0; i < 200'000; ++i) zip.add("archive/extra/" + std::to_string(i), "");
  return zip.finish();
}

std::string unpacks_to_gigabytes() {
  ZipWriter zip;
  records("accepted").add_to(zip);
  for (int i = 0; i < 40; ++i) {
    zip.add("archive/extra/" + std::to_string(i), std::string(size_t{63} << 20, '\0'), /*compressed=*/true);
  }
  return zip.finish();
}

std::string one_name_twice() {
  ZipWriter zip;
  records("accepted").add_to(zip);
  zip.add(std::string("archive/") + kTiny, records("accepted")[kTiny]);
  return zip.finish();
}

/// Methods of the forward's class, each of which calls the one before.
std::string chain(size_t count, const std::string& call) {
  std::string code = "  def m0(self: __torch__.tiny.TinyVit,\n    x: Tensor) -> Tensor:\n    return x\n";
  for (size_t i = 1; i < count; ++i) {
    const auto last = "(self).m" + std::to_string(i - 1) + "(";
    code += "  def m" + std::to_string(i) + "(self: __torch__.tiny.TinyVit,\n    x: Tensor) -> Tensor:\n    return " +
            last + call + ", )\n";
    if (call != "x") {
      const auto at = code.rfind("CALL");
      code.replace(at, 4, last);
    }
  }
  return code;
}

std::function<std::string()> with_methods(size_t count, const std::string& call) {
  return changed([=](Records& file) {
    file.replace(kTiny, "  def tokens(", chain(count, call) + "  def tokens(");
    file.insert(kTiny, "head = self.head", "x = (self).m" + std::to_string(count - 1) + "(x, )");
  });
}

std::string doubled_tuples(int count) {
  std::string lines = "t0 = (1, 2)\n";
  for (int i = 1; i <= count; ++i) {
    const auto last = "t" + std::to_string(i - 1);
    lines += "t" + std::to_string(i) + " = (" + last + ", " + last + ")\n";
  }
  return lines;
}

// How a pickle writes a linear layer's int8 weights [48, 16], the zero point of its first, and its 48 biases.
const std::string kPackedClass = "c__torch__.torch.classes.quantized\nLinearPackedParamsBase\n)\x81";
const std::string kPackedSizes = "(K\x30K\x10t(K\x10K\x01t";
const std::string kZeroPoint = "J\xf5\xff\xff\xff";
const std::string kBiasSizes = "(K\x30t(K\x01t\x88";

/// The same file with int8 weights, and one thing in their pickle for another.
std::function<std::string()> repacked(const std::string& from, const std::string& to,
                                      const std::string& base = "accepted_int8") {
  return changed([=](Records& file) { file.replace("data.pkl", from, to); }, base);
}

std::function<std::string()> with_scale(const std::string& eight_bytes) {
  return changed(
      [=](Records& file) {
        auto& pickle = file["data.pkl"];
        pickle.replace(pickle.find(kZeroPoint) - 8, 8, eight_bytes);
      },
      "accepted_int8");
}

std::function<std::string()> packed_constant(const std::string& state) {
  return changed([=](Records& file) { file["constants.pkl"] = pickle_of(kPackedClass + state + "b"); });
}

/// Weights of one MiB, packed three thousand times.
std::string packed_without_end() {
  auto file = records("accepted_int8");
  file["constants/77"] = std::string(size_t{1} << 20, '\1');
  const auto storage = "((X\7\0\0\0storagectorch\nQInt8Storage\nX\2\0\0\0"s + "77X\3\0\0\0cpuJ\0\0\x10\0tQ"s;
  const auto sizes = "K\0(M\0\4M\0\4t(M\0\4K\1t"s;
  const auto scheme = "(ctorch\nper_tensor_affine\nG\x3f\xf0\0\0\0\0\0\0K\0t"s;
  auto value = "(ctorch._utils\n_rebuild_qtensor\n" + storage + sizes + scheme + "\x89NtRN\x86q\0"s;
  for (int i = 0; i < 3000; ++i) value += kPackedClass + "h\0b"s;
  file["constants.pkl"] = pickle_of(value + "t");
  return file.bytes();
}

/// A model with int8 weights and statements in its forward.
std::function<std::string()> running_int8(const std::string& statements) {
  return [=] {
    auto file = records("accepted_int8");
    for (const auto& [name, code] : file.all()) {
      if (code.find("class TinyVit") == std::string::npos) continue;
      file.insert(name, "return _5", statements);
      return file.bytes();
    }
    throw std::logic_error("there is no forward");
  };
}

class HostileTest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileTest, IsRefusedAndDoesNothing) {
  const auto& hostile = GetParam();
  const legrad::testing::TemporaryFolder files;
  const legrad::testing::TemporaryFolder folder;
  const auto file = files / "model.pt";
  const auto written =
      legrad::testing::in_child([&] { std::ofstream(file, std::ios::binary) << hostile.archive(); }, folder.path());
  ASSERT_EQ(written.kind, Outcome::Kind::kDone) << written.message;

  const auto outcome = legrad::testing::in_child([&] { (void)legrad::Vit::load(file); }, folder.path());

  SCOPED_TRACE(outcome.message);
  EXPECT_EQ(outcome.kind, Outcome::Kind::kModelError);
  EXPECT_STREQ(legrad::to_string(outcome.reason), legrad::to_string(hostile.reason));
  EXPECT_NE(outcome.message.find(hostile.words), std::string::npos) << "the message does not say " << hostile.words;
  EXPECT_EQ(outcome.message.find('\n'), std::string::npos) << "the message is not one line";
  EXPECT_LE(outcome.seconds, kSecondsAllowed);
  EXPECT_LE(outcome.kilobytes, kKilobytesAllowed);
  EXPECT_EQ(folder.entries(), 0U) << "loading wrote a file";
}

std::string name_of(const testing::TestParamInfo<Hostile>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Archives, HostileTest,
    testing::Values(Hostile{"CodeInCapitals", Reason::kNotAllowed, ".PY",
                            changed([](Records& file) { rename_code(file, "code", ".PY"); }, "state_writes_a_file")},
                    Hostile{"FolderInCapitals", Reason::kNotAllowed, "Code/",
                            changed(
                                [](Records& file) {
                                  rename_code(file, "Code", ".py");
                                  file["code/x.py"] = "";
                                },
                                "state_writes_a_file")},
                    Hostile{"NamesThatDifferInCase", Reason::kNotAllowed, "does not tell apart",
                            changed([](Records& file) { file["code/__torch__/Tiny.py"] = ""; })},
                    Hostile{"OneNameTwice", Reason::kNotAllowed, "two records called", one_name_twice},
                    Hostile{"OldLayout", Reason::kNotAllowed, "before version 1.3",
                            changed([](Records& file) { file["model.json"] = "{}"; })},
                    Hostile{"UnknownRecord", Reason::kNotAllowed, "attributes.pkl",
                            changed([](Records& file) { file["attributes.pkl"] = "x"; })},
                    Hostile{"NameThatLeaves", Reason::kNotAllowed, "leaves the archive",
                            changed([](Records& file) { file["extra/../../x"] = "x"; })},
                    Hostile{"SharedBytes", Reason::kDamaged, "two names", shared_bytes},
                    Hostile{"RecordInARecord", Reason::kDamaged, "share bytes", record_in_a_record},
                    Hostile{"ManyRecords", Reason::kTooLarge, "records", many_records},
                    Hostile{"UnpacksToGigabytes", Reason::kTooLarge, "unpack", unpacks_to_gigabytes}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Code, HostileTest,
    testing::Values(
        Hostile{"StateBehindATripleQuote", Reason::kNotAllowed, "__setstate__",
                changed(
                    [](Records& file) {
                      for (auto& [name, content] : file.all()) {
                        const auto at = content.find("  def __getstate__");
                        if (name.rfind("code/", 0) != 0 || at == std::string::npos) continue;
                        content.insert(at,
                                       "  def quotes(self: __torch__.PositionThatWritesAFile) -> str:\n"
                                       "    return \"\"\" \" \"\"\"\n");
                      }
                    },
                    "state_writes_a_file")},
        Hostile{"NestedBrackets", Reason::kTooLarge, "nested",
                running("y = " + repeated("(", 200'000) + "x" + repeated(")", 200'000))},
        Hostile{"NestedLists", Reason::kTooLarge, "nested",
                running("y = " + repeated("[", 200'000) + "x" + repeated("]", 200'000))},
        Hostile{"NestedNot", Reason::kTooLarge, "nested", running("y = " + repeated("not ", 200'000) + "True")},
        Hostile{"NestedMinus", Reason::kTooLarge, "nested", running("y = " + repeated("-", 200'000) + "1")},
        Hostile{"NestedElse", Reason::kTooLarge, "nested",
                running("y = " + repeated("1 if True else ", 100'000) + "2")},
        Hostile{"LongSum", Reason::kTooLarge, "nested", running("y = 1" + repeated(" + 1", 100'000))},
        Hostile{"NestedPowers", Reason::kTooLarge, "nested", running("y = 1" + repeated(" ** 1", 100'000))},
        Hostile{"ManyElif", Reason::kTooLarge, "nested",
                running("if True:\n  pass\n" + repeated("elif True:\n  pass\n", 50'000))},
        Hostile{"LinesWithoutCode", Reason::kNotAllowed, "lines without code",
                changed([](Records& file) { file[kTiny] += repeated("\n", 3'000'000); })},
        Hostile{"EndlessImport", Reason::kNotAllowed, "imports",
                changed([](Records& file) { file[kTiny] += "import (x"; })},
        Hostile{"CallsThatDouble", Reason::kTooLarge, "operators", with_methods(60, "CALLx, )")},
        Hostile{"DividesByZeroInItsCode", Reason::kNotAllowed, "divides",
                running("_0 = torch.add(_0, torch.remainder(1, 0))")},
        Hostile{"DividesByZeroInAVariable", Reason::kNotAllowed, "divides",
                running("a = torch.sub(1, 1)\n_0 = torch.add(_0, torch.remainder(1, a))")},
        Hostile{"DividesTheLeastByMinusOne", Reason::kNotAllowed, "divides",
                running("a = -9223372036854775807\n_0 = torch.add(_0, torch.floordiv(torch.sub(a, 1), -1))")},
        Hostile{
            "TextThatDoubles", Reason::kTooLarge, "without end",
            running("t = \"abcdefgh\"\n" + repeated("t = torch.add(t, t)\n", 40) + "_0 = torch.add(_0, torch.len(t))")},
        Hostile{"TextOfGivenLength", Reason::kNotAllowed, "text",
                running("_0 = torch.add(_0, torch.len((\"a\").ljust(100000000000)))")},
        Hostile{"TuplesThatDouble", Reason::kTooLarge, "without end", running(doubled_tuples(40))},
        Hostile{"ForeignClass", Reason::kNotAllowed, "foreign", changed([](Records& file) {
                  file.replace(kTiny, "  training : bool\n",
                               "  training : bool\n  foreign : __torch__.torch.classes.profiling.SourceStats\n");
                })}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Pickles, HostileTest,
    testing::Values(Hostile{"NestedTuples", Reason::kTooLarge, "nested", changed([](Records& file) {
                              file["data.pkl"] = pickle_of(")" + repeated("\x85", 500'000));
                            })},
                    Hostile{"NestedConstants", Reason::kTooLarge, "nested", changed([](Records& file) {
                              file["constants.pkl"] = pickle_of(")" + repeated("\x85", 500'000));
                            })},
                    Hostile{"TuplesThatDouble", Reason::kTooLarge, "too often", changed([](Records& file) {
                              std::string value = ")";
                              for (int i = 0; i < 60; ++i) value += std::string("q") + char(i) + "h" + char(i) + "\x86";
                              file["constants.pkl"] = pickle_of("(" + value + "t");
                            })},
                    Hostile{"UnknownName", Reason::kNotAllowed, "os.system",
                            changed([](Records& file) { file["constants.pkl"] = pickle_of("cos\nsystem\n)R"); })},
                    Hostile{"UnknownInstruction", Reason::kNotAllowed, "instruction", changed([](Records& file) {
                              file["constants.pkl"] = pickle_of(
                                  "(K\x01"
                                  "d");
                            })},
                    Hostile{"OddDict", Reason::kDamaged, "constants.pkl",
                            changed([](Records& file) { file["constants.pkl"] = pickle_of("}(K\x01u"); })},
                    Hostile{"PlaceFarAway", Reason::kDamaged, "constants.pkl",
                            changed([](Records& file) { file["constants.pkl"] = pickle_of(")r\xff\xff\xff\xff"); })},
                    Hostile{"MarkBelowTheStack", Reason::kDamaged, "constants.pkl",
                            changed([](Records& file) { file["constants.pkl"] = pickle_of("))(\x86t"); })},
                    Hostile{"DictThatHoldsItself", Reason::kDamaged, "constants.pkl", changed([](Records& file) {
                              file["constants.pkl"] = pickle_of(std::string("}q\0(K\x01h\0u", 9) + "\x85");
                            })},
                    Hostile{"ForeignObject", Reason::kNotAllowed, "foreign", changed([](Records& file) {
                              file["constants.pkl"] =
                                  pickle_of("c__torch__.torch.classes.profiling\nSourceStats\n)\x81)b");
                            })},
                    Hostile{"NestedTypeInAText", Reason::kTooLarge, "type", changed([](Records& file) {
                              const auto type = repeated("List[", 100'000);
                              std::string length(4, '\0');
                              for (int i = 0; i < 4; ++i) length[i] = static_cast<char>(type.size() >> (8 * i));
                              file["constants.pkl"] =
                                  pickle_of("ctorch.jit._pickle\nrestore_type_tag\n(]X" + length + type + "tR");
                            })},
                    Hostile{"WeightLargerThanItsBytes", Reason::kDamaged, "32767", changed([](Records& file) {
                              // The position embedding [1, 17, 16].
                              file.replace("data.pkl", "K\x01K\x11K\x10", "K\x01M\xff\x7fK\x10");
                            })},
                    Hostile{"RecordsExchanged", Reason::kDamaged, "should hold 64 bytes, and holds 3072",
                            changed([](Records& file) { std::swap(file["data/0"], file["data/2"]); })}),
    name_of);

// LibTorch packs such weights while it reads them, and looks at nothing but their number of dimensions.
INSTANTIATE_TEST_SUITE_P(
    Packed, HostileTest,
    testing::Values(
        Hostile{"MoreRowsThanTheStorage", Reason::kDamaged, "weight has more numbers than its storage",
                repacked(kPackedSizes, "(M\xff\x7fK\x10t(K\x10K\x01t")},
        Hostile{"OffsetBehindTheStorage", Reason::kDamaged, "weight has more numbers than its storage",
                repacked("K\0"s + kPackedSizes, "K\x01" + kPackedSizes)},
        Hostile{"OffsetInFrontOfTheStorage", Reason::kDamaged, "weight has more numbers than its storage",
                repacked("K\0"s + kPackedSizes, "J\xff\xff\xff\xff" + kPackedSizes)},
        Hostile{"StridesBeyondTheStorage", Reason::kDamaged, "row by row",
                repacked(kPackedSizes, "(K\x30K\x10t(M\xff\x7fK\x01t")},
        Hostile{"NegativeStrides", Reason::kDamaged, "row by row",
                repacked(kPackedSizes, "(K\x30K\x10t(J\xf0\xff\xff\xffK\x01t")},
        Hostile{"NoRows", Reason::kDamaged, "odd size", repacked(kPackedSizes, "(K\0K\x10t(K\x10K\x01t"s)},
        Hostile{"NoMatrix", Reason::kDamaged, "no matrix", repacked(kPackedSizes, "(M\0\x03t(K\x01t"s)},
        Hostile{"FewerStridesThanSizes", Reason::kDamaged, "as many strides",
                repacked(kPackedSizes, "(K\x30K\x10t(K\x01t")},
        Hostile{"BiasBeyondItsStorage", Reason::kDamaged, "bias has more numbers than its storage",
                repacked(kBiasSizes, "(M\xff\x7ft(K\x01t\x88")},
        Hostile{"BiasOfStrides", Reason::kDamaged, "row by row", repacked(kBiasSizes, "(K\x30t(M\xff\x7ft\x88")},
        Hostile{"ShortBias", Reason::kDamaged, "one number for each output",
                repacked(kBiasSizes, "(K\x20t(K\x01t\x88")},
        Hostile{"ZeroPointOf32Bits", Reason::kDamaged, "zero point", repacked(kZeroPoint, "J\xff\xff\xff\x7f")},
        Hostile{"NoScale", Reason::kDamaged, "scale", with_scale(std::string(8, '\0'))},
        Hostile{"ScaleThatIsNoNumber", Reason::kDamaged, "scale", with_scale("\x7f\xf8\0\0\0\0\0\0"s)},
        Hostile{"ScalesOfAnotherType", Reason::kQuantised, "Long",
                repacked("torch\nDoubleStorage", "torch\nLongStorage", "accepted_int8_by_channel")},
        // The scales come first: their sizes, [48], and that they need no gradient.
        Hostile{"ScalesBeyondTheirStorage", Reason::kDamaged, "scales has more numbers than its storage",
                repacked("(K\x30t(K\x01t\x89", "(M\xff\x7ft(K\x01t\x89", "accepted_int8_by_channel")},
        Hostile{"FewScales", Reason::kDamaged, "scales has not one number",
                repacked("(K\x30t(K\x01t\x89", "(K\x20t(K\x01t\x89", "accepted_int8_by_channel")},
        Hostile{"BytesAsWeights", Reason::kQuantised, "Char", repacked("torch\nQInt8Storage", "torch\nCharStorage")},
        Hostile{"WeightsOfOtherTypes", Reason::kQuantised, "QUInt8",
                repacked("torch\nQInt8Storage", "torch\nQUInt8Storage")},
        Hostile{"FourBitWeights", Reason::kQuantised, "per_channel_affine_float_qparams",
                repacked("torch\nper_tensor_affine", "torch\nper_channel_affine_float_qparams")},
        Hostile{"OtherClass", Reason::kQuantised, "Conv2dPackedParamsBase",
                repacked("quantized\nLinearPackedParamsBase", "quantized\nConv2dPackedParamsBase")},
        Hostile{"NoState", Reason::kDamaged, "no pair", packed_constant(")")},
        Hostile{"StateOfNothing", Reason::kDamaged, "weight is no tensor", packed_constant("NN\x86")},
        Hostile{"StateOfOne", Reason::kDamaged, "no pair", packed_constant("N\x85")},
        Hostile{"PackedWithoutEnd", Reason::kTooLarge, "more memory", packed_without_end},
        Hostile{"OtherOperatorInTheCode", Reason::kQuantised, "quantized.conv2d_unpack",
                running_int8("a = ops.quantized.conv2d_unpack(x)")},
        Hostile{"OperatorsByAnotherName", Reason::kQuantised, "in a way", running_int8("a = ops.quantized")},
        Hostile{"ClassesByAnotherName", Reason::kQuantised, "in a way",
                running_int8("a = __torch__.torch.classes.quantized")},
        Hostile{"OtherClassInTheCode", Reason::kQuantised, "Conv2dPackedParamsBase", changed([](Records& file) {
                  file.replace(kTiny, "  training : bool\n",
                               "  training : bool\n  a : __torch__.torch.classes.quantized.Conv2dPackedParamsBase\n");
                })},
        Hostile{"WeightsReadByTheForward", Reason::kQuantised, "linear_unpack",
                running_int8("a, b = ops.quantized.linear_unpack(((head)._packed_params)._packed_params)\n"
                             "_5 = torch.add(_5, torch.sum(torch.dequantize(a)))")}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Running, HostileTest,
    testing::Values(
        Hostile{"UnsafeOperator", Reason::kNotAllowed, "segment_reduce",
                running("y = torch.segment_reduce(torch.zeros([4]), \"sum\", lengths=torch.full([1], 100000000), "
                        "unsafe=True)\n_0 = torch.add(_0, torch.sum(y))")},
        Hostile{"TypeThatIsNone", Reason::kNotAllowed, "no dtype of number -1",
                running("_0 = torch.softmax(_0, -1, -1)")},
        Hostile{"DividesByZero", Reason::kNotAllowed, "divides whole numbers",
                running("n = torch.sub(torch.size(x, 1), torch.size(x, 1))\n"
                        "_0 = torch.add(_0, torch.remainder(torch.size(x, 1), n))")},
        Hostile{"SampledFarOutside", Reason::kNotAllowed, "factor",
                running("y = torch.upsample_nearest2d(x, [8, 8], 0.00000000000000000000000000001, "
                        "0.00000000000000000000000000001)\n_0 = torch.add(_0, torch.sum(y))")},
        Hostile{"ListOfLargeTensors", Reason::kTooLarge, "at one time",
                running("l = annotate(List[Tensor], [])\nfor i in range(900):\n"
                        "  _c = torch.append(l, torch.add(torch.zeros([4000, 4000]), torch.sum(x)))\n"
                        "_0 = torch.add(_0, torch.sum(l[0]))")},
        Hostile{"RepeatsByContents", Reason::kNotAllowed, "repeats",
                running("y = torch.repeat_interleave(torch.full([4], 1000000000))\n"
                        "_0 = torch.add(_0, torch.sum(y))")},
        Hostile{"MultipliesForMinutes", Reason::kTooLarge, "seconds",
                running("y = torch.add(torch.zeros([3500, 3500]), torch.sum(x))\nfor i in range(900):\n"
                        "  y = torch.matmul(y, y)\n_0 = torch.add(_0, torch.sum(y))")}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Exported, HostileTest,
    testing::Values(Hostile{"MillionsOfValues", Reason::kTooLarge, "values",
                            changed([](Records& file) { file[kModel] = "[" + repeated("{\"\":0},", 8'000'000) + "0]"; },
                                    "exported_accepted")},
                    Hostile{"ManyObjects", Reason::kDamaged, "damaged",
                            changed([](Records& file) { file[kModel] = "[" + repeated("{\"\":0},", 1'000'000) + "0]"; },
                                    "exported_accepted")},
                    Hostile{"CopiesOfOneWeight", Reason::kTooLarge, "more memory",
                            [] {
                              auto file = records("exported_accepted");
                              auto weights = json::parse(file["data/weights/model_weights_config.json"]);
                              auto& config = weights["config"];
                              // 16 MiB that 200 names read, each from another place and in another order.
                              file["data/weights/weight_large"] = std::string(size_t{16} << 20, '\0');
                              auto root = json::parse(file[kModel]);
                              auto& module = root["graph_module"];
                              auto large = config.begin().value();
                              large["path_name"] = "weight_large";
                              const auto number = [](int64_t value) { return json{{"as_int", value}}; };
                              const auto spec = module["signature"]["input_specs"][0];
                              for (int64_t i = 0; i < 200; ++i) {
                                const auto name = "large_" + std::to_string(i);
                                large["tensor_meta"]["sizes"] = json::array({number(2000), number(2000)});
                                large["tensor_meta"]["strides"] = json::array({number(1), number(2000)});
                                large["tensor_meta"]["storage_offset"] = number(i);
                                config[name] = large;
                                module["signature"]["input_specs"].push_back(
                                    {{"parameter", {{"arg", {{"name", "p_" + name}}}, {"parameter_name", name}}}});
                              }
                              file["data/weights/model_weights_config.json"] = weights.dump();
                              file[kModel] = root.dump();
                              return file.bytes();
                            }}),
    name_of);

/// Many functions that call each other are no reason to refuse, nor to overflow a stack.
TEST(DeepCode, IsCompiled) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = legrad::testing::in_child(
      [&] {
        std::ofstream(folder / "model.pt", std::ios::binary) << with_methods(3000, "x")();
        (void)legrad::Vit::load(folder / "model.pt");
      },
      folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.message;
}

/// One weight under many names is one tensor.
TEST(TiedWeights, AreHeldOnce) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = legrad::testing::in_child(
      [&] {
        auto file = records("exported_accepted");
        auto weights = json::parse(file["data/weights/model_weights_config.json"]);
        file["data/weights/weight_large"] = std::string(size_t{64} << 20, '\0');
        auto root = json::parse(file[kModel]);
        auto large = weights["config"].begin().value();
        large["path_name"] = "weight_large";
        large["tensor_meta"]["sizes"] = json::array({{{"as_int", 4096}}, {{"as_int", 4096}}});
        large["tensor_meta"]["strides"] = json::array({{{"as_int", 4096}}, {{"as_int", 1}}});
        for (int i = 0; i < 200; ++i) {
          const auto name = "large_" + std::to_string(i);
          weights["config"][name] = large;
          root["graph_module"]["signature"]["input_specs"].push_back(
              {{"parameter", {{"arg", {{"name", "p_" + name}}}, {"parameter_name", name}}}});
        }
        file["data/weights/model_weights_config.json"] = weights.dump();
        file[kModel] = root.dump();
        std::ofstream(folder / "model.pt", std::ios::binary) << file.bytes();
        (void)legrad::Vit::load(folder / "model.pt");
      },
      folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.message;
  EXPECT_LE(outcome.kilobytes, kKilobytesAllowed);
}

}  // namespace
