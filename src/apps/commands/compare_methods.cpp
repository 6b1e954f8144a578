#include <legrad/error.h>
#include <legrad/image.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "apps/commands/compare.h"
#include "apps/commands/comparison.h"
#include "apps/options/model.h"
#include "apps/output_files.h"
#include "apps/pictures.h"
#include "io/nearest_names.h"

namespace legrad::apps {
namespace {

namespace fs = std::filesystem;

void check_file(const fs::path& file, const std::vector<std::string>& inputs) {
  constexpr std::array kExtensions = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"};
  if (std::ranges::find(kExtensions, io::lower_case(file.extension().string())) == kExtensions.end()) {
    throw InputError("--out '" + file.string() + "' is no picture's name; give one that ends with .png or .jpg");
  }
  std::error_code error;
  if (fs::is_directory(file, error)) throw InputError("--out '" + file.string() + "' is a folder; give a file's name");
  for (const std::string& input : inputs) {
    if (fs::equivalent(file, input, error)) {
      throw InputError("--out '" + file.string() + "' is one of the pictures; give another name");
    }
  }
}

}  // namespace

void compare_methods(const CompareOptions& options) {
  const fs::path file = options.out;
  check_file(file, options.images);
  const OutputFiles folder(file.has_parent_path() ? file.parent_path() : fs::path("."), {});
  Pictures pictures(options.images);
  const Setup setup(options.setup);

  Comparison comparison(options, setup);
  pictures.each([&](const std::string& picture, const at::Tensor& image) { comparison.add(picture, image); });
  const at::Tensor figure = comparison.figure();
  folder.make_folder();
  write_image(file, figure);
  std::cout << (options.json ? comparison.json(file.string()) : comparison.text(file.string()));
  setup.tell_notes();
  pictures.check_all_were_used();
}

}  // namespace legrad::apps
