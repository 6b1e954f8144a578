#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace legrad::apps {

/// What is given, each folder as the pictures in it, by the ends of their names, in the order of these. Throws
/// `InputError` for a folder that cannot be read, or has none.
std::vector<std::string> picture_files(const std::vector<std::string>& files_or_folders);

/// The pictures that a run reads, each decoded once, and not more of them in memory than there is room for.
class Pictures {
 public:
  static constexpr uint64_t kBytesKept = uint64_t{1} << 28;

  /// Throws `InputError` for all that is seen without decoding: a missing, cut or huge file, or another format. If
  /// their pixels take no more than `bytes_kept`, all of them are decoded before the first one is used; else each when
  /// its turn comes.
  explicit Pictures(std::vector<std::string> files, uint64_t bytes_kept = kBytesKept);

  /// Hands RGB bytes [H, W, 3] of one after another to `use`. Those decoded before it throw `InputError` if they are
  /// damaged, so nothing was done yet; one that turns out damaged when its turn comes is left out, so that the work on
  /// the others is not lost.
  void each(const std::function<void(const std::string& file, const at::Tensor& picture)>& use);

  /// Throws `InputError` if any was left out, which names them: for the end, when all else is written.
  void check_all_were_used() const;

 private:
  std::vector<std::string> files_;
  bool keep_;
  std::vector<std::string> left_out_;  // why, one for each
};

}  // namespace legrad::apps
