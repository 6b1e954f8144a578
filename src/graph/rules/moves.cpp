#include <ATen/Functions.h>

#include "graph/rules/groups.h"

namespace legrad::graph {
namespace {

// Of the argument's shape already, or to be reshaped, or summed over copies, which is done where shares are added up.
Shares as_it_is(const Call&, const Cotangent& back) { return {{"self", back[0]}}; }

Shares nothing(const Call&, const Cotangent&) { return {}; }

Shares permute(const Call& call, const Cotangent& back) {
  const auto dims = call.integers("dims");
  std::vector<int64_t> inverse(dims.size());
  const auto count = static_cast<int64_t>(dims.size());
  for (int64_t i = 0; i < count; ++i) inverse[static_cast<size_t>((dims[i] + count) % count)] = i;
  return {{"self", back[0].permute(inverse)}};
}

Shares transpose(const Call& call, const Cotangent& back) {
  return {{"self", back[0].transpose(call.integer("dim0"), call.integer("dim1"))}};
}

Shares turn(const Call&, const Cotangent& back) { return {{"self", back[0].t()}}; }

// Zeros of the argument's shape with `back` put into the part that `part` picks.
template <typename Part>
Shares put(const Call& call, const at::Tensor& back, const Part& part) {
  auto whole = at::zeros(call.tensor("self").sizes(), back.options());
  part(whole).copy_(back);
  return {{"self", whole}};
}

Shares select(const Call& call, const Cotangent& back) {
  return put(call, back[0],
             [&](const at::Tensor& whole) { return whole.select(call.integer("dim"), call.integer("index")); });
}

Shares slice(const Call& call, const Cotangent& back) {
  const auto bound = [&](const char* name) {
    return call.has(name) ? std::optional(call.integer(name)) : std::nullopt;
  };
  return put(call, back[0], [&](const at::Tensor& whole) {
    return whole.slice(call.integer("dim"), bound("start"), bound("end"), call.integer("step"));
  });
}

Shares narrow(const Call& call, const Cotangent& back) {
  const auto& start = call.argument("start");
  const int64_t first = start.isTensor() ? start.toTensor().item<int64_t>() : start.toInt();
  return put(call, back[0],
             [&](const at::Tensor& whole) { return whole.narrow(call.integer("dim"), first, call.integer("length")); });
}

Shares index_select(const Call& call, const Cotangent& back) {
  const auto whole = at::zeros(call.tensor("self").sizes(), back[0].options());
  return {{"self", whole.index_add(call.integer("dim"), call.tensor("index"), back[0])}};
}

// Copies lie one after another along each dimension.
Shares repeat(const Call& call, const Cotangent& back) {
  const auto repeats = call.integers("repeats");
  auto sizes = call.tensor("self").sizes().vec();
  sizes.insert(sizes.begin(), repeats.size() - sizes.size(), 1);
  std::vector<int64_t> apart, copies;
  for (size_t i = 0; i < repeats.size(); ++i) {
    copies.push_back(static_cast<int64_t>(apart.size()));
    apart.insert(apart.end(), {repeats[i], sizes[i]});
  }
  return {{"self", back[0].reshape(apart).sum(copies)}};
}

// Each entry along a dimension as many times one after another.
Shares repeat_interleave(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  if (!call.argument("repeats").isInt() || !call.has("dim")) call.refuse("of numbers that differ, it has no rule");
  const int64_t dim = call.integer("dim") < 0 ? call.integer("dim") + x.dim() : call.integer("dim");
  return {{"self", back[0].unflatten(dim, {x.size(dim), call.integer("repeats")}).sum(dim + 1)}};
}

Shares cat(const Call& call, const Cotangent& back) {
  const int64_t dim = call.integer("dim");
  Cotangent parts;
  int64_t first = 0;
  for (const auto& tensor : call.tensors("tensors")) {
    const bool empty = tensor.dim() == 1 && tensor.numel() == 0;
    const int64_t length = empty ? 0 : tensor.size(dim);
    parts.push_back(empty ? at::Tensor() : back[0].narrow(dim, first, length));
    first += length;
  }
  return {{"tensors", parts}};
}

Shares stack(const Call& call, const Cotangent& back) { return {{"tensors", back[0].unbind(call.integer("dim"))}}; }

// chunk, split: pieces one behind another.
Shares pieces(const Call& call, const Cotangent& back) { return {{"self", at::cat(back, call.integer("dim"))}}; }

Shares unbind(const Call& call, const Cotangent& back) { return {{"self", at::stack(back, call.integer("dim"))}}; }

// By a constant number all around.
Shares pad(const Call& call, const Cotangent& back) {
  if (call.has("mode") && call.argument("mode").toStringRef() != "constant") {
    call.refuse("only padding by a constant has a rule");
  }
  auto cut_off = call.integers("pad");
  for (auto& count : cut_off) count = -count;
  return {{"self", at::constant_pad_nd(back[0], cut_off)}};
}

Shares flip(const Call& call, const Cotangent& back) { return {{"self", back[0].flip(call.integers("dims"))}}; }

Shares roll(const Call& call, const Cotangent& back) {
  auto shifts = call.integers("shifts");
  for (auto& shift : shifts) shift = -shift;
  return {{"self", back[0].roll(shifts, call.integers("dims"))}};
}

Shares masked_fill(const Call& call, const Cotangent& back) {
  return {{"self", back[0].masked_fill(call.tensor("mask"), 0)}};
}

}  // namespace

RuleRows move_rules() {
  RuleRows rows;
  for (const char* name :
       {"view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "expand_as",
        "contiguous", "clone", "alias", "to", "type_as", "float", "view_as", "reshape_as", "dropout", "lift_fresh"}) {
    rows[name] = as_it_is;
  }
  rows["dropout"] = [](const Call&, const Cotangent& back) { return Shares{{"input", back[0]}}; };
  rows["detach"] = nothing;
  rows["permute"] = permute;
  rows["transpose"] = transpose;
  rows["t"] = turn;
  rows["select"] = select;
  rows["slice"] = slice;
  rows["narrow"] = narrow;
  rows["index_select"] = index_select;
  rows["repeat"] = repeat;
  rows["repeat_interleave"] = repeat_interleave;
  rows["pad"] = rows["constant_pad_nd"] = pad;
  rows["cat"] = cat;
  rows["stack"] = stack;
  for (const char* name : {"chunk", "split", "split_with_sizes", "unsafe_chunk", "unsafe_split"}) rows[name] = pieces;
  rows["unbind"] = unbind;
  rows["flip"] = flip;
  rows["roll"] = roll;
  rows["masked_fill"] = masked_fill;
  return rows;
}

}  // namespace legrad::graph
