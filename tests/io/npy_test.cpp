#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/npy.h>

#include <chrono>
#include <filesystem>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;

/// A NumPy file of format 1.0 with this dict and these bytes.
std::string npy(const std::string& dict, const std::string& data) {
  const std::string text = dict + "\n";
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(text.size()) + '\0' + text + data;
}

std::string dict(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

class Npy : public ::testing::Test {
 protected:
  at::Tensor read(const std::string& bytes) const { return read_npy(folder_.write("a.npy", bytes)); }

  std::string refusal(const std::string& bytes) const {
    const std::string message = message_of<InputError>([&] { read(bytes); });
    EXPECT_TRUE(contains(message, "a.npy"));
    return message;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Npy, WritesWhatNumPyWrites) {
  // numpy.save of numpy.arange(6, dtype='<f4').reshape(2, 3), and of a vector and a number
  write_npy(folder_ / "a.npy", at::arange(6, at::kFloat).view({2, 3}));
  const std::string bytes = testing::file_bytes(folder_ / "a.npy");
  const std::string head("\x93NUMPY\x01\x00\x76\x00", 10);
  const std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  ASSERT_EQ(bytes.size(), 128U + 24U);
  EXPECT_EQ(bytes.substr(0, 10), head);
  EXPECT_EQ(bytes.substr(10, text.size()), text);
  EXPECT_EQ(bytes.substr(10 + text.size(), 118 - text.size()), std::string(117 - text.size(), ' ') + "\n");
  EXPECT_EQ(bytes.substr(128, 8), std::string("\x00\x00\x00\x00\x00\x00\x80\x3f", 8));

  write_npy(folder_ / "b.npy", at::arange(3));
  EXPECT_TRUE(
      contains(testing::file_bytes(folder_ / "b.npy"), "'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"));
  write_npy(folder_ / "c.npy", at::ones({}, at::kBool));
  EXPECT_TRUE(
      contains(testing::file_bytes(folder_ / "c.npy"), "'descr': '|b1', 'fortran_order': False, 'shape': (), }"));
}

TEST_F(Npy, ReadsBackEveryDtypeItWrites) {
  for (const at::ScalarType dtype :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kFloat, at::kDouble}) {
    const at::Tensor array = at::randint(0, 2, {3, 4, 5}).to(dtype);
    write_npy(folder_ / "a.npy", array);
    const at::Tensor read = read_npy(folder_ / "a.npy");
    EXPECT_EQ(read.scalar_type(), dtype);
    EXPECT_TRUE(at::equal(read, array));
  }
}

TEST_F(Npy, KeepsEmptyAndScalarShapes) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {3, 0, 2}, {1, 1, 1, 1, 1, 1}}) {
    write_npy(folder_ / "a.npy", at::ones(shape));
    EXPECT_EQ(read_npy(folder_ / "a.npy").sizes(), at::IntArrayRef(shape));
  }
}

TEST_F(Npy, WritesViewsInCOrderAndBfloat16AsFloat32) {
  const at::Tensor array = at::arange(6, at::kFloat).view({2, 3});
  write_npy(folder_ / "a.npy", array.t());
  EXPECT_TRUE(at::equal(read_npy(folder_ / "a.npy"), array.t()));
  write_npy(folder_ / "a.npy", array.to(at::kBFloat16));
  EXPECT_EQ(read_npy(folder_ / "a.npy").scalar_type(), at::kFloat);
}

TEST_F(Npy, ReadsFortranOrder) {
  const at::Tensor array = read(npy(dict("|u1", "(2, 3)", "True"), std::string("\0\3\1\4\2\5", 6)));
  EXPECT_TRUE(array.is_contiguous());
  EXPECT_TRUE(at::equal(array, at::arange(6, at::kByte).view({2, 3})));
}

TEST_F(Npy, WidensUnsignedIntegers) {
  EXPECT_EQ(read(npy(dict("<u2", "(1,)"), "\xff\xff")).item<int64_t>(), 65535);
  EXPECT_EQ(read(npy(dict("<u4", "(1,)"), "\xff\xff\xff\xff")).item<int64_t>(), 4294967295);
  EXPECT_EQ(read(npy(dict("<u8", "(1,)"), std::string("\x05\0\0\0\0\0\0\0", 8))).item<int64_t>(), 5);
  EXPECT_TRUE(contains(refusal(npy(dict("<u8", "(1,)"), std::string(8, '\xff'))), "2^63"));
}

TEST_F(Npy, ReadsFormatTwoAndOtherSpellings) {
  const std::string text = R"({"shape":(2,),"fortran_order":False,"descr":"|u1"})";
  const std::string bytes = std::string("\x93NUMPY\x02\x00", 8) + static_cast<char>(text.size()) + std::string(3, '\0');
  EXPECT_TRUE(at::equal(read(bytes + text + "\x07\x08"), at::tensor({7, 8}, at::kByte)));
}

TEST_F(Npy, RefusesSizesThatDoNotMatchTheFile) {
  EXPECT_TRUE(contains(refusal(npy(dict("<f4", "(2,)"), "1234567")), "asks for 8 bytes of data, the file holds 7"));
  EXPECT_TRUE(contains(refusal(npy(dict("<f4", "(2,)"), "123456789")), "asks for 8 bytes of data, the file holds 9"));
  EXPECT_TRUE(
      contains(refusal(npy(dict("<f8", "(4611686018427387904, 4611686018427387904)"), "")), "more than the file"));
  refusal(npy(dict("<f4", "(1000000000000,)"), "1234"));
  refusal(npy(dict("<f4", "(9223372036854775807, 0)"), "1234"));
  refusal(npy(dict("<f4", "(99999999999999999999,)"), "1234"));
  refusal(npy(dict("<f4", "(-1,)"), "1234"));
}

TEST_F(Npy, RefusesAnEmptyArrayOfImpossibleStrides) { refusal(npy(dict("<f4", "(0, 4611686018427387904, 4, 4)"), "")); }

TEST_F(Npy, RefusesTruthValuesThatAreNone) {
  EXPECT_TRUE(contains(refusal(npy(dict("|b1", "(3,)"), std::string("\0\1\2", 3))), "neither 0 nor 1"));
}

TEST_F(Npy, LooksAtTheHeaderBeforeItReadsGigabytes) {
  const auto file = folder_.write("a.npy", npy(dict("<f4", "(1,)"), "1234"));
  std::filesystem::resize_file(file, uint64_t{1} << 34);  // takes no place on the disk
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_npy(file); }), "asks for 4 bytes"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST_F(Npy, RefusesOtherDtypes) {
  for (const char* descr : {">f4", "|O", "<c8", "<U3", "<f16", "|V8", "<M8[ns]", "", "f4"}) {
    EXPECT_TRUE(contains(refusal(npy(dict(descr, "(1,)"), "1234")), std::string("dtype is '") + descr + "'")) << descr;
  }
}

TEST_F(Npy, RefusesHeadersThatAreNone) {
  for (const char* text :
       {"", "{", "{}", "[1]", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"}) {
    EXPECT_TRUE(contains(refusal(npy(text, "1234")), "header")) << text;
  }
  const std::string deep = "(" + std::string(80, '1');  // digits beyond any integer
  refusal(npy(dict("<f4", deep), ""));
}

TEST_F(Npy, RefusesEveryCutOfAFile) {
  write_npy(folder_ / "whole.npy", at::rand({2, 2}));
  const std::string bytes = testing::file_bytes(folder_ / "whole.npy");
  for (size_t length = 0; length < bytes.size(); ++length) {
    message_of<InputError>([&] { read(bytes.substr(0, length)); });
  }
}

TEST_F(Npy, RefusesWhatIsNoFile) {
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_npy(folder_ / "none.npy"); }), "no such file"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_npy(folder_.path()); }), "folder"));
}

TEST_F(Npy, LeavesNothingBehindWhereItCannotWrite) {
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { write_npy(folder_ / "none/a.npy", at::ones({2})); }), "none/a.npy"));
  std::filesystem::create_directory(folder_ / "a.npy");
  message_of<InputError>([&] { write_npy(folder_ / "a.npy", at::ones({2})); });
  message_of<InputError>([&] { write_npy(folder_ / "b.npy", at::ones({2}, at::kComplexFloat)); });
  message_of<InputError>([&] { write_npy(folder_ / "b.npy", at::Tensor()); });
  EXPECT_EQ(folder_.entries(), 1U);
}

TEST_F(Npy, ReplacesAnOlderFileWhole) {
  folder_.write("a.npy", std::string(1000, 'x'));
  write_npy(folder_ / "a.npy", at::ones({2}));
  EXPECT_TRUE(at::equal(read_npy(folder_ / "a.npy"), at::ones({2})));
  EXPECT_EQ(folder_.entries(), 1U);
}

}  // namespace
}  // namespace legrad
