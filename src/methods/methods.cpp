#include <legrad/error.h>
#include <legrad/methods.h>

#include <algorithm>

#include "io/nearest_names.h"

namespace legrad {

void Methods::add(const std::string& name, Method method) {
  const auto known = names();
  if (name.empty() || std::ranges::find(known, name) != known.end()) {
    throw InputError(name.empty() ? "a method needs a name" : "there is a method '" + name + "' already");
  }
  methods_.emplace_back(name, std::move(method));
}

const Method& Methods::get(const std::string& name) const {
  const auto found = std::ranges::find(methods_, name, &std::pair<std::string, Method>::first);
  if (found != methods_.end()) return found->second;
  std::string known;
  for (const auto& near : io::nearest_names(name, names(), methods_.size()))
    known += (known.empty() ? "" : ", ") + near;
  throw InputError("unknown method '" + name + "'; the known ones, the nearest first: " + known);
}

std::vector<Method> Methods::choose(const std::vector<std::string>& names) const {
  std::vector<Method> methods;
  methods.reserve(names.size());
  for (const auto& name : names) methods.push_back(get(name));
  return methods;
}

std::vector<std::string> Methods::names() const {
  std::vector<std::string> names;
  names.reserve(methods_.size());
  for (const auto& [name, method] : methods_) names.push_back(name);
  return names;
}

Methods built_in_methods(const BuiltInOptions& options) {
  Methods methods;
  methods.add("legrad", legrad_method(options.legrad));
  methods.add("grad_cam", grad_cam_method(options.grad_cam));
  methods.add("attention_cam", attention_cam_method(options.attention_cam));
  methods.add("raw_attention", raw_attention_method(options.raw_attention));
  methods.add("rollout", rollout_method(options.rollout));
  methods.add("chefer_cam", chefer_cam_method(options.chefer_cam));
  return methods;
}

}  // namespace legrad
