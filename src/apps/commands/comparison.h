#pragma once

#include <legrad/image/figure.h>

#include <string>
#include <vector>

#include "apps/commands/compare.h"

namespace legrad::apps {

/// What `legrad compare` shows: grows picture by picture.
class Comparison {
 public:
  Comparison(const CompareOptions& options, const Setup& setup);

  /// Explains one more picture.
  void add(const std::string& file, const at::Tensor& picture);

  at::Tensor figure() const;
  std::string text(const std::string& file) const;
  std::string json(const std::string& file) const;

 private:
  /// A row: one picture and target.
  struct Compared {
    std::string picture;
    std::string target;
    double score = 0;
    std::vector<double> gradient_share;  // [L]
    std::vector<double> prefix_share;    // [L]
  };

  void add_methods(const std::string& file, const at::Tensor& picture, const Seen& seen);
  void add_layers(const at::Tensor& picture, const LegradResult& result);
  at::Tensor drawn(const at::Tensor& picture, const at::Tensor& map) const;

  const CompareOptions& options_;
  const Setup& setup_;
  PictureGrid methods_;
  std::vector<PictureGrid> layers_;  // some blocks after others
  std::vector<Compared> compared_;
};

}  // namespace legrad::apps
