#include "graph/read/packed_weight.h"

#include <legrad/error.h>

#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace legrad::graph {
namespace {

using Kind = PickledValue::Kind;

constexpr int64_t kMostSize = int64_t{1} << 31;

[[noreturn]] void refuse_packed(const std::string& what) {
  throw ModelError("is damaged (a quantised layer's " + what + "); export it again", Reason::kDamaged);
}

[[noreturn]] void unsupported(const std::string& what) {
  throw ModelError("holds a quantised layer with " + what +
                       "; quantise with torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}), or export "
                       "before quantising",
                   Reason::kQuantised);
}

// What a tensor is made of, as a pickle has it.
class Made {
 public:
  Made(const PickledValue& tensor, const PickledTuples& tuples, std::string name)
      : parts_(elements(tensor, tuples, name)), tuples_(tuples), name_(std::move(name)) {
    if (parts_.size() < 4) refuse_packed(name_ + " is no tensor");
  }

  const PickledValue& part(size_t at) const { return parts_.at(at); }
  size_t parts() const { return parts_.size(); }

  // Its sizes, where its numbers lie one after another within a storage of that type.
  std::vector<int64_t> sizes(std::string_view type) const {
    const auto& storage = parts_[0];
    if (storage.kind != Kind::kStorage || !storage.number) refuse_packed(name_ + " has no storage");
    if (storage.text != type) unsupported("a " + name_ + " of " + std::string(storage.text) + " numbers");
    const auto sizes = numbers(parts_[2]);
    const auto strides = numbers(parts_[3]);
    if (sizes.empty() || sizes.size() != strides.size()) refuse_packed(name_ + " has not as many strides as sizes");
    __int128 count = 1;
    for (size_t i = sizes.size(); i-- > 0;) {
      if (sizes[i] < 1 || sizes[i] >= kMostSize || count >= __int128{1} << 62)
        refuse_packed(name_ + " has an odd size");
      if (sizes[i] > 1 && strides[i] != count) refuse_packed(name_ + " does not lie row by row");
      if (strides[i] < 0 || strides[i] > count) refuse_packed(name_ + " has an odd stride");
      count *= sizes[i];
    }
    const auto& offset = parts_[1].number;
    if (!offset || *offset < 0 || *offset + count > *storage.number) {
      refuse_packed(name_ + " has more numbers than its storage");
    }
    return sizes;
  }

  static const std::vector<PickledValue>& elements(const PickledValue& value, const PickledTuples& tuples,
                                                   const std::string& name) {
    if (!value.elements) refuse_packed(name + " is not told in full");
    return tuples.at(*value.elements);
  }

 private:
  std::vector<int64_t> numbers(const PickledValue& tuple) const {
    std::vector<int64_t> all;
    if (tuple.kind != Kind::kTuple) refuse_packed(name_ + " has no sizes");
    for (const auto& element : elements(tuple, tuples_, name_)) {
      if (!element.number) refuse_packed(name_ + " has a size that is no number");
      all.push_back(*element.number);
    }
    return all;
  }

  const std::vector<PickledValue>& parts_;
  const PickledTuples& tuples_;
  std::string name_;
};

// One number for each row.
void check_by_row(const PickledValue& tensor, const PickledTuples& tuples, std::string_view type, int64_t rows,
                  const std::string& name) {
  if (tensor.kind != Kind::kTensor) refuse_packed(name + " is no tensor");
  const auto sizes = Made(tensor, tuples, name).sizes(type);
  if (sizes.size() != 1 || sizes[0] != rows) refuse_packed(name + " has not one number for each output");
}

void check_scheme(const PickledValue& scheme, const PickledTuples& tuples, int64_t rows) {
  if (scheme.kind != Kind::kTuple) refuse_packed("scheme is not told");
  const auto& parts = Made::elements(scheme, tuples, "scheme");
  if (parts.size() < 3 || parts[0].kind != Kind::kScheme) refuse_packed("scheme is not told");
  if (parts[0].text == "per_channel_affine") {
    check_by_row(parts[1], tuples, "Double", rows, "scales");
    check_by_row(parts[2], tuples, "Long", rows, "zero points");
    if (parts.size() != 4 || parts[3].number != 0) refuse_packed("scales are not by output");
    return;
  }
  const auto& scale = parts[1].real;
  const auto& zero_point = parts[2].number;
  if (!scale || !std::isfinite(*scale) || *scale <= 0) refuse_packed("scale is no positive number");
  if (parts.size() != 3 || !zero_point || *zero_point < -128 || *zero_point > 127)
    refuse_packed("zero point is no int8");
}

}  // namespace

uint64_t check_packed_weight(const PickledValue& state, const PickledTuples& tuples) {
  if (state.kind != Kind::kTuple) refuse_packed("state is no pair");
  const auto& pair = Made::elements(state, tuples, "state");
  if (pair.size() != 2) refuse_packed("state is no pair");
  const auto& weight = pair[0];
  const auto& bias = pair[1];
  if (weight.kind == Kind::kTensor) unsupported("weights of 16 bits");
  if (weight.kind != Kind::kQuantised) refuse_packed("weight is no tensor");
  const Made made(weight, tuples, "weight");
  const auto sizes = made.sizes("QInt8");
  if (sizes.size() != 2 || made.parts() < 5) refuse_packed("weight is no matrix");
  check_scheme(made.part(4), tuples, sizes[0]);
  if (bias.kind != Kind::kNone) check_by_row(bias, tuples, "Float", sizes[0], "bias");
  // They are packed in blocks, the last of which may be all but empty.
  constexpr uint64_t kBlock = 64;
  const auto padded = [](int64_t size) { return (static_cast<uint64_t>(size) + kBlock - 1) / kBlock * kBlock; };
  return padded(sizes[0]) * padded(sizes[1]);
}

}  // namespace legrad::graph
