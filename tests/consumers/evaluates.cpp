// Somebody else's evaluation: `legrad::eval` alone is linked, and brings what it stands on.
//
//   evaluates models/emoji-vit examples/scenes SCRATCH
#include <legrad/eval.h>

#include <cmath>
#include <filesystem>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::filesystem::path out = argv[3];
  std::filesystem::remove_all(out);
  std::filesystem::create_directories(out);
  auto data = legrad::eval::open_data_set(argv[2], "coco");
  const legrad::eval::Evaluation evaluation(legrad::Explainer::load(argv[1], {.methods = "legrad"}), *data,
                                            {.metrics = "pixel_ap", .controls = "random"});
  legrad::eval::run(evaluation, *data, {.out = out, .limit = 2});
  const auto table = legrad::eval::tabulate(evaluation, out);
  std::cout << table_text(table);
  if (table.pictures != 2 || table.rows.size() != 2) return 1;
  return std::isfinite(table.rows.front().value) ? 0 : 1;
}
