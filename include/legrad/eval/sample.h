#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace legrad::eval {

/// A place in a picture, as a fraction of its width and height.
struct Point {
  double x = 0;
  double y = 0;
};

/// A class, and where in a picture it is.
struct Region {
  std::string name;             ///< of the class, as the data calls it
  at::Tensor mask = {};         ///< bool [H, W] over the picture, true where it is seen; undefined: the data has none
  std::vector<Point> yes = {};  ///< places that people marked as it
  std::vector<Point> no = {};   ///< places that people marked as something else
};

struct PartPictures;

/// A picture, and what its data set knows of it.
struct Sample {
  std::string id;  ///< unique in its data and the same in every run: the picture's path in it
  std::filesystem::path picture;
  std::vector<std::string> labels;  ///< the classes that are right for it, as the data calls them; may be empty
  std::vector<Region> regions;      ///< each class once, in the data's order
  at::Tensor unlabelled = {};       ///< bool [H, W]: pixels that the data says nothing of; undefined: there are none
  std::shared_ptr<const PartPictures> parts = {};  ///< the same creature without some of its parts, where there is that
};

}  // namespace legrad::eval
