#pragma once

#include <legrad/structure.h>

#include <filesystem>
#include <string>
#include <vector>

namespace legrad::eval::data {

/// A file that annotations name, in the folder they speak of. A name that leads out of it, as "../a.png" or "/a.png",
/// is refused with an `InputError`: annotations from elsewhere shall not make us read other files. Links are followed,
/// as data is often kept elsewhere.
std::filesystem::path path_in(const std::filesystem::path& folder, const std::string& name);

/// Whether a file's ending, in any case, is that of a picture: png, jpg, jpeg, webp, bmp, tif or tiff.
bool has_picture_ending(const std::filesystem::path& file);

/// `path` if it is a folder, else an `InputError` that says what it should be ("the folder of all pictures").
const std::filesystem::path& checked_folder(const std::filesystem::path& path, const std::string& what);

/// Throws `InputError` unless the picture, by its header, has the size of its masks.
void check_size(const std::filesystem::path& picture, ImageSize masks);

/// The names of what is in a folder, in the order of bytes; those that begin with a dot are left out. Throws
/// `InputError` where it cannot be listed. (Names and no paths: of a million files these take most of a gigabyte.)
struct Listing {
  std::vector<std::string> folders;
  std::vector<std::string> files;
};
Listing list(const std::filesystem::path& folder);

}  // namespace legrad::eval::data
