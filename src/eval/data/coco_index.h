#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/read_file.h"

namespace legrad::eval::data {

/// Where an object stands in a JSON file.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t size = 0;
};

/// Where a COCO file says what: 16 bytes for each picture and 32 for each annotation, whatever they hold.
struct CocoIndex {
  struct Annotation {
    int64_t picture = 0;   ///< row of `pictures`
    int64_t category = 0;  ///< id
    ByteRange place;
  };
  struct Category {
    int64_t id = 0;
    std::string name;
  };
  std::vector<ByteRange> pictures;      ///< in the order of the file
  std::vector<Annotation> annotations;  ///< by picture, those of a picture in the order of the file
  std::vector<Category> categories;
};

/// Reads the file once from its beginning to its end, and keeps nothing but the index. Throws `InputError` for what is
/// no COCO file, an id that is missing or there twice, and an annotation of a picture that is not there; messages begin
/// with "it" or with "annotation 7".
CocoIndex index_coco(io::OpenFile& file);

}  // namespace legrad::eval::data
