// Damaged archives of both kinds: each is refused in one line or gives finite maps, quickly, whatever is damaged.

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/in_child.h"
#include "support/temporary_folder.h"

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int kMutations = 200;  // of each kind of archive

std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// An archive as its records, which can be written again with checksums that fit.
class Records {
 public:
  explicit Records(const fs::path& file) {
    caffe2::serialize::PyTorchStreamReader reader(file.string());
    for (const auto& name : reader.getAllRecords()) {
      if (name == "version" || name == ".data/version" || name == ".data/serialization_id" || name == "byteorder")
        continue;
      const auto [data, size] = reader.getRecord(name);
      records_[name] = std::string(static_cast<const char*>(data.get()), size);
    }
  }

  /// A record that is not empty.
  std::string& any(std::mt19937& random) {
    while (true) {
      auto record = records_.begin();
      std::advance(record, static_cast<std::ptrdiff_t>(random() % records_.size()));
      if (!record->second.empty()) return record->second;
    }
  }

  std::vector<std::string*> of_json() {
    std::vector<std::string*> found;
    for (auto& [name, content] : records_) {
      if (name.size() > 5 && name.substr(name.size() - 5) == ".json") found.push_back(&content);
    }
    return found;
  }

  void drop_one(std::mt19937& random) {
    auto record = records_.begin();
    std::advance(record, static_cast<std::ptrdiff_t>(random() % records_.size()));
    records_.erase(record);
  }

  void write(const fs::path& file) const {
    caffe2::serialize::PyTorchStreamWriter writer(file.string());
    for (const auto& [name, content] : records_) writer.writeRecord(name, content.data(), content.size());
    writer.writeEndOfFile();
  }

 private:
  std::map<std::string, std::string> records_;
};

/// Every value inside a JSON value that holds no other.
void collect_leaves(json& value, std::vector<json*>& leaves) {
  if (!value.is_structured()) {
    leaves.push_back(&value);
    return;
  }
  for (auto& inner : value) collect_leaves(inner, leaves);
}

json any_value(std::mt19937& random) {
  static const std::vector<json> kValues = {-1,
                                            0,
                                            1,
                                            2,
                                            7,
                                            1 << 20,
                                            int64_t{1} << 62,
                                            -(int64_t{1} << 62),
                                            1e300,
                                            nullptr,
                                            true,
                                            "",
                                            "x",
                                            "../y",
                                            "torch.ops.aten.add_.Tensor",
                                            "torch.ops.aten.matmul.default",
                                            json::array(),
                                            json::object()};
  return kValues[random() % kValues.size()];
}

void replace_json_value(Records& records, std::mt19937& random) {
  const auto all = records.of_json();
  auto& content = *all[random() % all.size()];
  auto root = json::parse(content);
  std::vector<json*> leaves;
  collect_leaves(root, leaves);
  if (!leaves.empty()) *leaves[random() % leaves.size()] = any_value(random);
  content = root.dump();
}

void write_mutation(const fs::path& original, const fs::path& file, int number) {
  std::mt19937 random(static_cast<unsigned>(number));
  Records records(original);
  const bool has_json = !records.of_json().empty();
  switch (number % (has_json ? 8 : 4)) {
    case 0: {  // the file itself: the checksum no longer fits, or the directory is damaged
      auto bytes = read_file(original);
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << (random() % 8));
      std::ofstream(file, std::ios::binary) << bytes;
      return;
    }
    case 1:
      records.drop_one(random);
      break;
    case 2: {
      auto& content = records.any(random);
      for (int i = 0; i < 3; ++i) content[random() % content.size()] = static_cast<char>(random());
      break;
    }
    case 3: {
      auto& content = records.any(random);
      content.resize(random() % content.size());
      break;
    }
    default:
      replace_json_value(records, random);
  }
  records.write(file);
}

/// Loads and explains; throws unless the maps are finite.
void explain(const fs::path& file) {
  const auto vit = legrad::Vit::load(file);
  const auto& input = vit.structure().image->size;
  const auto images = at::ones({1, vit.structure().image->channels, input.height, input.width}, at::kFloat);
  const auto maps = legrad::legrad(vit, images, {0});
  if (!maps.isfinite().all().item<bool>()) throw legrad::ModelError("the maps are not finite");
}

class MutationTest : public testing::TestWithParam<std::string> {};

TEST_P(MutationTest, IsRefusedOrExplained) {
  const auto original = fs::path(LEGRAD_TEST_DATA) / "refusals" / (GetParam() + ".pt");
  int refused = 0;
  for (int number = 0; number < kMutations; ++number) {
    const legrad::testing::TemporaryFolder folder;
    const auto file = folder.path() / "mutated.pt";
    const auto outcome = legrad::testing::in_child(
        [&] {
          write_mutation(original, file, number);
          explain(file);
        },
        folder.path());
    SCOPED_TRACE("mutation " + std::to_string(number) + ": " + outcome.message);
    using Kind = legrad::testing::Outcome::Kind;
    EXPECT_TRUE(outcome.kind == Kind::kDone || outcome.kind == Kind::kModelError);
    EXPECT_EQ(outcome.message.find('\n'), std::string::npos);
    EXPECT_LE(outcome.seconds, legrad::testing::kSecondsAllowed);
    EXPECT_LE(outcome.kilobytes, legrad::testing::kKilobytesAllowed);
    EXPECT_EQ(folder.entries(), 1U) << "loading wrote a file";
    refused += outcome.kind == Kind::kModelError;
  }
  EXPECT_GT(refused, kMutations / 4);
  RecordProperty("refused", refused);
}

INSTANTIATE_TEST_SUITE_P(Kinds, MutationTest, testing::Values("accepted", "accepted_int8", "exported_accepted"),
                         [](const auto& info) { return info.param; });

}  // namespace
