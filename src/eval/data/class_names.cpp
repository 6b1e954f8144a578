#include "eval/data/class_names.h"

#include "eval/data/json_file.h"

namespace legrad::eval::data {

ClassNames::ClassNames(const std::filesystem::path& label_map) {
  if (label_map.empty()) return;
  read_json_object(label_map, "label map", [&](const io::JsonFields& fields) {
    for (const std::string& name : fields.names()) label_map_[name] = fields.string(name.c_str());
  });
}

size_t ClassNames::add(const std::string& name) {
  const auto mapped = label_map_.find(name);
  const std::string& called = mapped == label_map_.end() ? name : mapped->second;
  const auto [found, is_new] = index_.emplace(called, names_.size());
  if (is_new) names_.push_back(called);
  return found->second;
}

}  // namespace legrad::eval::data
