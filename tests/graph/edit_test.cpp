// Archives of both kinds that somebody edited and wrote again with checksums that fit: each is refused in one line, or
// explained as LibTorch's own forward and autograd of that very file have it.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "support/archive_edits.h"
#include "support/in_child.h"
#include "support/program_pieces.h"
#include "support/script_pieces.h"
#include "support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using namespace legrad::testing;

// Of each kind; LEGRAD_MUTATIONS asks for more. docs/trust.md has the figures of 500.
int edits() {
  const char* asked = std::getenv("LEGRAD_MUTATIONS");
  return asked == nullptr ? 60 : std::atoi(asked);
}

/// A kind of archive: a file to edit, and how to run one without us.
struct Kind {
  std::string name;
  bool doubles;
  double tolerance;
  fs::path (*make)(const fs::path& folder);
  std::string (ArchiveEditor::*edit)();
  std::unique_ptr<Pieces> (*open)(const fs::path& file);
};

fs::path make_script(const fs::path& folder) {
  TinyVit model;
  model.fill(21);
  save_in_pieces(model, folder / "original.pt");
  return folder / "original.pt";
}

fs::path make_program(const fs::path& /*folder*/) {
  return fs::path(LEGRAD_TEST_DATA) / "refusals" / "exported_accepted.pt";
}

std::unique_ptr<Pieces> open_script(const fs::path& file) { return std::make_unique<ScriptPieces>(file); }

std::unique_ptr<Pieces> open_program(const fs::path& file) {
  return std::make_unique<ProgramPieces>(Records(file), std::vector<std::string>{"add", "add_2", "add_4"});
}

/// Thrown where an explanation is not what it should be.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Says what became of a file that was accepted: "maps" or "output", by what could be compared; "rounding" where maps
/// are nothing else.
std::string judge(const Kind& kind, const fs::path& file) {
  const auto vit = legrad::Vit::load(file);
  const auto type = kind.doubles ? at::kDouble : at::kFloat;
  torch::manual_seed(5);
  const auto size = vit.structure().image->size;
  const auto images = at::randn({2, 3, size.height, size.width}, at::kDouble).to(type);
  const auto output = vit.forward(images);
  const auto methods = legrad::built_in_methods();
  const auto maps =
      legrad::explain(vit, images, {1, 3}, methods.choose("legrad/readout=model,raw_attention,rollout")).maps;
  const auto check = [&](const char* what, const at::Tensor& found, const at::Tensor& expected) {
    const auto away = difference(found, expected);
    if (!(away <= kind.tolerance)) throw Wrong(std::string(what) + " away by " + std::to_string(away));
  };

  auto pieces = kind.open(file);
  // A file for a batch of one image is asked for one after the other, as we say that we do.
  const auto whole = vit.plan().batch_of_one
                         ? at::cat({pieces->whole(images.narrow(0, 0, 1)), pieces->whole(images.narrow(0, 1, 1))})
                         : pieces->whole(images);
  check("output", output, whole);
  const auto grid = vit.structure().image->grid;
  if (grid.rows != grid.columns) return "output";
  const auto expected = explained_by_hand(*pieces, images, {1, 3}, grid.rows);
  if (!expected) return "output";
  bool rounded = false;
  // A weight of 1e30 leaves nothing but rounding: what images that differ by that give is all that can be asked for.
  const auto nearby = explained_by_hand(*pieces, images * (1 + kind.tolerance * 1e-3), {1, 3}, grid.rows);
  const auto check_map = [&](const char* what, const at::Tensor& found, at::Tensor ByHand::*map) {
    if (!((*expected).*map).defined()) return;
    const bool rounding = nearby && !(difference((*nearby).*map, (*expected).*map) <= kind.tolerance);
    if (!rounding) check(what, found, (*expected).*map);
    rounded |= rounding;
  };
  check_map("legrad", maps[0], &ByHand::legrad);
  check_map("raw_attention", maps[1].select(1, 0), &ByHand::raw_attention);
  check_map("rollout", maps[2].select(1, 0), &ByHand::rollout);
  return rounded ? "rounding" : "maps";
}

void PrintTo(const Kind& kind, std::ostream* stream) { *stream << kind.name; }

class EditTest : public testing::TestWithParam<Kind> {};

TEST_P(EditTest, IsRefusedOrExplainedRightly) {
  const auto& kind = GetParam();
  const TemporaryFolder originals;
  at::set_num_threads(1);  // so that no thread is missing in a child
  const auto original = kind.make(originals.path());
  ASSERT_EQ(judge(kind, original), "maps");

  std::map<std::string, int> outcomes;
  for (int number = 0; number < edits(); ++number) {
    const TemporaryFolder folder;
    Records records(original);
    ArchiveEditor editor(records, static_cast<unsigned>(number));
    editor.as_doubles = kind.doubles;
    const auto edit = (editor.*kind.edit)();
    const auto file = folder.write("edited.pt", records.bytes());
    const auto verdict = folder / "verdict";
    const auto outcome = in_child(
        [&] {
          const auto what = judge(kind, file);
          std::ofstream(verdict) << what;
        },
        folder.path());
    using How = Outcome::Kind;
    const auto said = outcome.kind == How::kDone         ? file_bytes(verdict)
                      : outcome.kind == How::kModelError ? "refused"
                                                         : "fault";
    ++outcomes[said];
    SCOPED_TRACE("edit " + std::to_string(number) + ": " + edit + ": " + outcome.message);
    EXPECT_NE(said, "fault");
    EXPECT_EQ(outcome.message.find('\n'), std::string::npos);
    EXPECT_LE(outcome.seconds, kSecondsAllowed);
    EXPECT_LE(folder.entries(), outcome.kind == How::kDone ? 2U : 1U) << "loading wrote a file";
    if (const char* kept = std::getenv("LEGRAD_KEEP_EDITS"); kept != nullptr && said != "refused") {
      fs::copy_file(file, fs::path(kept) / (kind.name + "_" + std::to_string(number) + "_" + said + ".pt"),
                    fs::copy_options::overwrite_existing);
    }
  }
  for (const auto& [said, count] : outcomes) {
    std::cout << kind.name << ": " << count << " " << said << "\n";
    RecordProperty(said, count);
  }
  EXPECT_GT(outcomes["refused"], 0);
  EXPECT_GT(outcomes["maps"], 0);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, EditTest,
    testing::Values(Kind{"script", true, 1e-6, make_script, &ArchiveEditor::edit_script, open_script},
                    Kind{"program", false, 1e-4, make_program, &ArchiveEditor::edit_program, open_program}),
    [](const auto& info) { return info.param.name; });

}  // namespace
