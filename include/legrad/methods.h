#pragma once

#include <legrad/explain.h>
#include <legrad/methods/attention_cam.h>
#include <legrad/methods/chefer_cam.h>
#include <legrad/methods/grad_cam.h>
#include <legrad/methods/legrad.h>
#include <legrad/methods/raw_attention.h>
#include <legrad/methods/rollout.h>

#include <string>
#include <utility>
#include <vector>

namespace legrad {

/// Methods by name. A value: copies are independent, and nothing registers itself.
class Methods {
 public:
  /// Throws `InputError` if the name is empty or taken.
  void add(const std::string& name, Method method);

  /// Throws `InputError` that lists the known names, the nearest spelling first, for another.
  const Method& get(const std::string& name) const;
  std::vector<Method> choose(const std::vector<std::string>& names) const;

  /// In the order in which they were added.
  std::vector<std::string> names() const;

 private:
  std::vector<std::pair<std::string, Method>> methods_;
};

/// Options of the methods that come with the library; their `targets` are not read.
struct BuiltInOptions {
  LegradOptions legrad = {};
  GradCamOptions grad_cam = {};
  AttentionCamOptions attention_cam = {};
  RawAttentionOptions raw_attention = {};
  RolloutOptions rollout = {};
  CheferCamOptions chefer_cam = {};
};

/// "legrad", "grad_cam", "attention_cam", "raw_attention", "rollout" and "chefer_cam".
Methods built_in_methods(const BuiltInOptions& options = {});

}  // namespace legrad
