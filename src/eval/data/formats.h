#pragma once

#include <legrad/eval/data_set.h>

#include <filesystem>
#include <memory>

namespace legrad::eval::data {

// One for each layout; what it looks like, and what is kept in memory, stands where it is defined.
std::unique_ptr<DataSet> open_coco(const std::filesystem::path& path, const DataOptions& options);
std::unique_ptr<DataSet> open_folders(const std::filesystem::path& path, const DataOptions& options);
std::unique_ptr<DataSet> open_masks(const std::filesystem::path& path, const DataOptions& options);
std::unique_ptr<DataSet> open_openimages(const std::filesystem::path& path, const DataOptions& options);
std::unique_ptr<DataSet> open_funnybirds(const std::filesystem::path& path, const DataOptions& options);

}  // namespace legrad::eval::data
