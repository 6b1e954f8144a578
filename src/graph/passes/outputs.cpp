#include "graph/passes/outputs.h"

#include <ATen/Functions.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <sstream>

#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

struct Output {
  std::string name;   // a dict's or named tuple's name for it, or its index
  Value* place;       // on the straight line
  c10::IValue value;  // on the example
};

std::vector<Output> outputs_of(Value* place, const c10::IValue& value) {
  std::vector<Output> all;
  if (value.isTensor()) return {{"0", place, value}};
  Node* node = place ? place->node() : nullptr;
  if (node && node->kind() == prim::DictConstruct && value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    for (size_t i = 0; i + 1 < node->inputs().size(); i += 2) {
      const auto key = torch::jit::toIValue(node->inputs()[i]);
      if (key && key->isString()) all.push_back({key->toStringRef(), node->inputs()[i + 1], dict.at(*key)});
    }
  } else if (node && node->kind() == prim::TupleConstruct && value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    const auto type = value.toTupleRef().type();
    for (size_t i = 0; i < elements.size(); ++i) {
      const bool named = type && type->schema() && type->schema()->arguments().size() == elements.size();
      all.push_back(
          {named ? type->schema()->arguments()[i].name() : std::to_string(i), node->inputs()[i], elements[i]});
    }
  } else if (node && node->kind() == prim::ListConstruct && value.isTensorList()) {
    const auto list = value.toTensorVector();
    for (size_t i = 0; i < list.size(); ++i) all.push_back({std::to_string(i), node->inputs()[i], list[i]});
  }
  return all;
}

std::string sizes_text(const c10::IValue& value) {
  if (!value.isTensor() || !value.toTensor().defined()) return value.tagKind();
  std::ostringstream text;
  text << value.toTensor().sizes();
  return text.str();
}

[[noreturn]] void refuse(const std::string& what) { throw ModelError(what, Reason::kNoSuitableOutput); }

// The values of a top-k stand beside their indices; which class is the best changes from image to image.
void refuse_best(const std::vector<Output>& all, const Output& chosen) {
  const bool sorted = chosen.place && (is_aten(chosen.place->node(), "topk") || is_aten(chosen.place->node(), "sort"));
  const bool beside_indices = std::ranges::any_of(all, [&](const Output& other) {
    return other.value.isTensor() && other.value.toTensor().defined() &&
           other.value.toTensor().scalar_type() == at::kLong &&
           other.value.toTensor().sizes() == chosen.value.toTensor().sizes();
  });
  if (!sorted && !beside_indices) return;
  refuse("the model returns a top-k, the best scores and their indices (output \"" + chosen.name + "\" " +
         sizes_text(chosen.value) + "): which class a column is of changes from image to image; export the model " +
         "without its topk");
}

// Writes the steps from an output of some form to scores [B, C] behind it.
class Reshaper {
 public:
  Reshaper(StraightLine& line, const Output& output, const std::optional<Place>& place)
      : line_(line), output_(output), place_(place), write_(*line.graph) {}

  /// The scores, and what they are of the output.
  std::pair<Value*, std::string> scores(OutputForm form) {
    const auto one = [&] { return write_.constant(int64_t{1}); };
    if (place_ && form != OutputForm::kPlaces) {
      refuse("a place was chosen, and output \"" + output_.name + "\" " + sizes_text(output_.value) +
             " has none; expected [B, C, h, w]");
    }
    switch (form) {
      case OutputForm::kOneRow:
        return {write_.call("squeeze", {output_.place, one()}), ""};
      case OutputForm::kSingleLogit:
        return {write_.call("unsqueeze", {output_.place, one()}), ""};
      case OutputForm::kPlaces:
        return at_place();
      default:
        return {output_.place, ""};
    }
  }

 private:
  std::pair<Value*, std::string> at_place() {
    const auto sizes = output_.value.toTensor().sizes();
    const auto grid = std::to_string(sizes[2]) + " x " + std::to_string(sizes[3]) + " places";
    if (!place_) {
      Value* mean = write_.call(
          "mean", {output_.place, write_.constant(std::vector<int64_t>{2, 3}), write_.constant(false), write_.none()});
      return {mean, "the mean over " + grid};
    }
    const auto& [row, column] = *place_;
    const auto name = std::to_string(row) + "," + std::to_string(column);
    if (row < 0 || row >= sizes[2] || column < 0 || column >= sizes[3]) {
      throw InputError("there is no place " + name + " in an output of " + grid);
    }
    const auto two = [&] { return write_.constant(int64_t{2}); };
    Value* of_row = write_.call("select", {output_.place, two(), write_.constant(row)});
    return {write_.call("select", {of_row, two(), write_.constant(column)}), "place " + name + " of " + grid};
  }

  StraightLine& line_;
  const Output& output_;
  const std::optional<Place>& place_;
  Writer write_;
};

}  // namespace

OutputForm form_of(const c10::IValue& value, int64_t batch) {
  if (!value.isTensor() || !value.toTensor().defined() || !value.toTensor().is_floating_point()) {
    return OutputForm::kNone;
  }
  const auto sizes = value.toTensor().sizes();
  if (sizes.size() == 2) return OutputForm::kScores;
  if (sizes.empty() || sizes[0] != batch) return OutputForm::kNone;
  if (sizes.size() == 1) return OutputForm::kSingleLogit;
  if (sizes.size() == 3 && sizes[1] == 1) return OutputForm::kOneRow;
  return sizes.size() == 4 ? OutputForm::kPlaces : OutputForm::kNone;
}

std::optional<size_t> choose(const NamedOutputs& outputs, const std::string& wanted, int64_t batch) {
  if (!wanted.empty()) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].first == wanted || std::to_string(i) == wanted) return i;
    }
    return std::nullopt;
  }
  for (const auto form : {OutputForm::kScores, OutputForm::kOneRow, OutputForm::kSingleLogit, OutputForm::kPlaces}) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (form_of(outputs[i].second, batch) == form) return i;
    }
  }
  return std::nullopt;
}

at::Tensor as_scores(const at::Tensor& output, int64_t batch, const std::optional<Place>& place) {
  switch (form_of(output, batch)) {
    case OutputForm::kOneRow:
      return output.squeeze(1);
    case OutputForm::kSingleLogit:
      return output.unsqueeze(1);
    case OutputForm::kPlaces:
      return place ? output.select(2, place->row).select(2, place->column) : output.mean({2, 3});
    default:
      return output;
  }
}

void set_output(StraightLine& line, Value* returned, const c10::IValue& value, const StraightenOptions& options) {
  const auto all = outputs_of(returned, value);
  const int64_t batch = sizes_of(line, line.input())[0];
  NamedOutputs named;
  named.reserve(all.size());
  std::string list;
  for (const auto& one : all) {
    named.emplace_back(one.name, one.value);
    const auto name = value.isTensor() ? "a tensor" : "\"" + one.name + "\"";
    list += (list.empty() ? "" : ", ") + name + " " + sizes_text(one.value);
  }
  if (all.empty()) list = "no tensors";
  constexpr const char* kExpected = "; expected an output of shape [B, C]: class scores or an embedding";
  const auto at = choose(named, options.output, batch);
  if (!at && !options.output.empty()) {
    refuse("the model has no output \"" + options.output + "\"; it returns " + list);
  }
  if (!at) refuse("the model returns " + list + kExpected);
  const auto& output = all[*at];
  const auto form = form_of(output.value, batch);
  if (form == OutputForm::kNone) {
    refuse("output \"" + output.name + "\" has shape " + sizes_text(output.value) + "; the model returns " + list +
           kExpected);
  }
  if (form == OutputForm::kScores) refuse_best(all, output);
  const auto [scores, what] = Reshaper(line, output, options.place).scores(form);
  line.graph->registerOutput(scores);
  line.output = as_scores(output.value.toTensor(), batch, options.place);
  line.output_is = what;
  if (scores != output.place) line.facts[scores] = {line.output.sizes().vec(), line.output.scalar_type(), std::nullopt};
}

}  // namespace legrad::graph
