#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/explained_by_hand.h"
#include "support/records.h"

namespace legrad::testing {

/// The program of a .pt2 file, carried out node by node by LibTorch's operators, straight from its JSON. The pieces are
/// told by the names that the values between them have; attention is written out.
class ProgramPieces : public Pieces {
 public:
  /// `streams` are the values between the blocks, that of the embedding first.
  ProgramPieces(Records records, std::vector<std::string> streams)
      : records_(std::move(records)),
        graph_(json::parse(records_["models/model.json"]).at("graph_module")),
        nodes_(graph_.at("graph").at("nodes")),
        streams_(std::move(streams)) {
    for (const auto& spec : graph_.at("signature").at("input_specs")) {
      const auto [kind, value] = only_member(spec);
      if (kind == "user_input") {
        images_ = value.at("arg").at("as_tensor").at("name");
      } else {
        weights_[value.at("arg").at("name")] = weight(value.at(kind + "_name"));
      }
    }
    output_ = graph_.at("graph").at("outputs").at(0).at("as_tensor").at("name");
    for (const auto& name : streams_) places_.push_back(place_of(name) + 1);
    for (size_t l = 0; l + 1 < streams_.size(); ++l)
      attentions_.push_back(attention_between(places_[l], places_[l + 1]));
  }

  at::Tensor whole(const at::Tensor& images) override {
    start(images);
    run(0, nodes_.size());
    return values_.at(output_).toTensor();
  }
  int64_t blocks() const override {
    const bool known = std::is_sorted(places_.begin(), places_.end()) && places_.front() > 0 &&
                       std::find(attentions_.begin(), attentions_.end(), 0) == attentions_.end();
    return known ? static_cast<int64_t>(attentions_.size()) : 0;
  }
  at::Tensor embed(const at::Tensor& images) override {
    start(images);
    run(0, places_[0]);
    return values_.at(streams_[0]).toTensor();
  }
  std::pair<at::Tensor, at::Tensor> map(const at::Tensor& x, int64_t l) override {
    const auto i = static_cast<size_t>(l);
    values_[streams_[i]] = x;
    run(places_[i], attentions_[i]);
    return attention(nodes_[attentions_[i]]);
  }
  at::Tensor next(const at::Tensor& x, const at::Tensor& a, const at::Tensor& v, int64_t l) override {
    const auto i = static_cast<size_t>(l);
    values_[streams_[i]] = x;
    define(nodes_[attentions_[i]], {a.matmul(v)});
    run(attentions_[i] + 1, places_[i + 1]);
    return values_.at(streams_[i + 1]).toTensor();
  }
  at::Tensor readout(const at::Tensor& x) override {
    values_[streams_.back()] = x;
    run(places_.back(), nodes_.size());
    return values_.at(output_).toTensor();
  }

 private:
  using json = nlohmann::json;
  using IValue = c10::IValue;

  at::Tensor weight(const std::string& name) {
    static const std::map<int, c10::ScalarType> kTypes = {{4, at::kInt},   {5, at::kLong},   {6, at::kHalf},
                                                          {7, at::kFloat}, {8, at::kDouble}, {12, at::kBool}};
    const auto entry = json::parse(records_["data/weights/model_weights_config.json"]).at("config").at(name);
    const auto& meta = entry.at("tensor_meta");
    const auto numbers = [](const json& list) {
      std::vector<int64_t> all;
      for (const auto& number : list) all.push_back(number.at("as_int"));
      return all;
    };
    auto& bytes = records_["data/weights/" + entry.at("path_name").get<std::string>()];
    const auto type = kTypes.at(meta.at("dtype"));
    const auto all = at::from_blob(bytes.data(), {static_cast<int64_t>(bytes.size() / c10::elementSize(type))}, type);
    return all
        .as_strided(numbers(meta.at("sizes")), numbers(meta.at("strides")), meta.at("storage_offset").at("as_int"))
        .clone();
  }

  void start(const at::Tensor& images) {
    values_.clear();
    for (const auto& [name, tensor] : weights_) values_[name] = tensor.clone();
    values_[images_] = images.clone();
  }

  size_t place_of(const std::string& name) const {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (const auto& output : nodes_[i].at("outputs")) {
        if (output.contains("as_tensor") && output.at("as_tensor").at("name") == name) return i;
      }
    }
    return ~size_t{0};
  }

  size_t attention_between(size_t begin, size_t end) const {
    size_t found = 0;
    for (size_t i = begin; i < std::min(end, nodes_.size()); ++i) {
      if (nodes_[i].at("target") != "torch.ops.aten.scaled_dot_product_attention.default") continue;
      if (found != 0) return 0;
      found = i;
    }
    return found;
  }

  /// A and V of an attention without masks.
  std::pair<at::Tensor, at::Tensor> attention(const json& node) {
    std::map<std::string, at::Tensor> given;
    double scale = 0;
    for (const auto& input : node.at("inputs")) {
      const auto& argument = input.at("arg");
      if (argument.contains("as_tensor"))
        given[input.at("name")] = values_.at(argument.at("as_tensor").at("name")).toTensor();
      if (input.at("name") == "scale" && argument.contains("as_float")) scale = argument.at("as_float");
    }
    const auto& query = given.at("query");
    if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));
    return {(query.matmul(given.at("key").transpose(-2, -1)) * scale).softmax(-1), given.at("value")};
  }

  /// Once each piece has run, values of another piece are still there, as for the sizes that all of them read.
  void run(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) define(nodes_[i], results(nodes_[i]));
  }

  std::vector<IValue> results(const json& node) {
    const auto target = node.at("target").get<std::string>();  // torch.ops.aten.NAME.OVERLOAD
    const auto begin = std::string("torch.ops.aten.").size();
    const auto end = target.rfind('.');
    auto name = target.substr(begin, end - begin);
    auto overload = target.substr(end + 1);
    if (name.starts_with("sym_")) name = name.substr(4);  // on numbers, not on symbols for them
    const auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(("aten::" + name).c_str(),
                                                                       overload == "default" ? "" : overload.c_str());
    std::vector<IValue> stack;
    for (const auto& declared : handle.schema().arguments()) {
      const json* given = nullptr;
      for (const auto& input : node.at("inputs")) {
        if (input.at("name") == declared.name()) given = &input.at("arg");
      }
      if (given == nullptr && !declared.default_value()) throw std::runtime_error("an argument is missing");
      stack.push_back(given != nullptr ? argument(*given, declared.type()) : *declared.default_value());
    }
    handle.callBoxed(stack);
    return stack;
  }

  static std::pair<const std::string&, const json&> only_member(const json& object) {
    const auto first = object.begin();
    return {first.key(), first.value()};
  }

  IValue argument(const json& tagged, const c10::TypePtr& type) {
    const auto [kind, value] = only_member(tagged);
    if (kind == "as_none") return {};
    if (kind == "as_tensor") return values_.at(value.at("name"));
    if (kind == "as_int")
      return type->str().find("float") != std::string::npos ? IValue(value.get<double>())
                                                            : IValue(value.get<int64_t>());
    if (kind == "as_float") return value.get<double>();
    if (kind == "as_bool") return value.get<bool>();
    if (kind == "as_string") return value.get<std::string>();
    if (kind == "as_sym_int") return number(value);
    if (kind == "as_ints" || kind == "as_sym_ints") {
      c10::List<int64_t> numbers;
      for (const auto& entry : value) numbers.push_back(number(entry).toInt());
      return numbers;
    }
    if (kind == "as_tensors") {
      c10::List<at::Tensor> tensors;
      for (const auto& entry : value) tensors.push_back(values_.at(entry.at("name")).toTensor());
      return tensors;
    }
    throw std::runtime_error("an argument of kind " + kind);
  }

  IValue number(const json& entry) {
    if (entry.is_object() && entry.contains("as_name")) return values_.at(entry.at("as_name"));
    return entry.is_object() ? entry.at("as_int").get<int64_t>() : entry.get<int64_t>();
  }

  void define(const json& node, const std::vector<IValue>& results) {
    const auto& outputs = node.at("outputs");
    for (size_t i = 0; i < outputs.size(); ++i) {
      const auto [kind, value] = only_member(outputs[i]);
      values_[value.at(kind == "as_tensor" ? "name" : "as_name")] = results.at(i);
    }
  }

  Records records_;
  json graph_;
  json nodes_;
  std::vector<std::string> streams_;
  std::string images_;
  std::string output_;
  std::map<std::string, at::Tensor> weights_;
  std::map<std::string, IValue> values_;
  std::vector<size_t> places_;      ///< of the node after each of the streams
  std::vector<size_t> attentions_;  ///< of each block
};

}  // namespace legrad::testing
