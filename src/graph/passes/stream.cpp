#include "graph/passes/stream.h"

#include <c10/util/ArrayRef.h>
#include <legrad/error.h>

#include <algorithm>
#include <sstream>

namespace legrad::graph {
namespace {

// Paths are counted modulo a prime, so that a count that is a multiple of it by chance does not happen.
constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
uint64_t add(uint64_t a, uint64_t b) { return (a + b) % kPrime; }
uint64_t multiply(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b % kPrime);
}

class Stream {
 public:
  using Depending = std::unordered_set<const Value*>;

  Stream(const StraightLine& line, const std::vector<Value*>& points, const Depending& depending,
         std::vector<size_t> places)
      : line_(line), points_(points), depending_(depending), starts_(std::move(places)) {
    const auto& first = shape_at(starts_.front());
    if (first.size() != 3) refuse("the first block's input has shape " + text(first) + ", expected tokens [B, N, d]");
    if (std::ranges::adjacent_find(starts_) != starts_.end()) {
      refuse(
          "the attention layers do not stand on one residual stream: between two of them no value is passed by "
          "every path");
    }
  }

  std::vector<size_t> tokens(const Node* first_attention) const {
    std::vector<size_t> ends(starts_.begin() + 1, starts_.end());
    size_t steps = 0;  // of the last block
    if (ends.empty()) {
      steps = steps_of_only_block(first_attention);
    } else {
      check_shapes(ends);
      steps = steps_of_last_block(ends);
      if (steps == 0) {
        for (size_t l = 0; l < ends.size(); ++l) ends[l] = before_what_is_between(ends[l], starts_[l]);
        steps = steps_of_last_block(ends);
      }
      if (goes_on_behind(starts_.back() + steps)) steps = 0;
    }
    if (steps == 0) {
      refuse("the last block is built like none before it, so where it ends on the residual stream cannot be told");
    }
    ends.push_back(starts_.back() + steps);
    ends.insert(ends.begin(), starts_.front());
    check_shapes(ends);
    return ends;
  }

 private:
  const std::vector<int64_t>& shape_at(size_t place) const { return line_.facts.at(points_[place]).sizes; }

  void check_shapes(const std::vector<size_t>& places) const {
    const auto& first = shape_at(starts_.front());
    for (const size_t place : places) {
      if (shape_at(place) == first) continue;
      refuse("a block turns tokens of shape " + text(first) + " into " + text(shape_at(place)) +
             ", expected one shape for all blocks");
    }
  }

  // The most steps on the stream behind the last attention that are those of a block before it; 0 where none is.
  size_t steps_of_last_block(const std::vector<size_t>& ends) const {
    size_t most = 0;
    for (size_t l = 0; l < ends.size(); ++l) {
      const size_t steps = ends[l] - starts_[l];
      if (steps > most && starts_.back() + steps < points_.size() && alike(starts_[l], starts_.back(), steps)) {
        most = steps;
      }
    }
    return most;
  }

  bool alike(size_t one, size_t other, size_t steps) const {
    for (size_t i = 1; i <= steps; ++i) {
      if (points_[one + i]->node()->kind() != points_[other + i]->node()->kind()) return false;
    }
    return shape_at(other + steps) == shape_at(starts_.front());
  }

  // Whether the stream goes on as in a block: something made of the tokens is added to all of them.
  bool goes_on_behind(size_t end) const {
    for (size_t i = end + 1; i < points_.size(); ++i) {
      const Node* node = points_[i]->node();
      if (!is_aten(node, "add") || shape_at(i) != shape_at(starts_.front())) continue;
      if (depending_.count(node->input(0)) > 0 && depending_.count(node->input(1)) > 0) return true;
    }
    return false;
  }

  // Goes back over what may stand between two blocks: sums of a value of the stream and something that does not depend
  // on the images, and casts to the type it has.
  size_t before_what_is_between(size_t end, size_t start) const {
    const auto adds_positions = [&](size_t place) {
      const Node* node = points_[place]->node();
      if (!is_aten(node, "add")) return false;
      const Value* before = points_[place - 1];
      return (node->input(0) == before && depending_.count(node->input(1)) == 0) ||
             (node->input(1) == before && depending_.count(node->input(0)) == 0);
    };
    const auto casts_to_its_type = [&](size_t place) {
      return is_aten(points_[place]->node(), "to") &&
             line_.facts.at(points_[place]).dtype == line_.facts.at(points_[place - 1]).dtype;
    };
    while (end > start + 1 && (adds_positions(end) || casts_to_its_type(end))) --end;
    return end;
  }

  // A block adds twice to the stream, behind its attention and behind its MLP.
  size_t steps_of_only_block(const Node* attention) const {
    size_t steps = 0;
    for (size_t i = starts_[0] + 1, adds = 0; i < points_.size() && adds < 2; ++i) {
      const Node* node = points_[i]->node();
      if (!node->isAfter(attention) || !is_aten(node, "add") || shape_at(i) != shape_at(starts_[0])) continue;
      steps = i - starts_[0];
      ++adds;
    }
    return steps;
  }

  [[noreturn]] static void refuse(const std::string& what) {
    throw ModelError(what + kNotOneStreamHint, Reason::kNotOneStream);
  }

  const StraightLine& line_;
  const std::vector<Value*>& points_;
  const Depending& depending_;
  std::vector<size_t> starts_;  // the tokens each attention's block begins with
};

}  // namespace

std::string text(const std::vector<int64_t>& sizes) {
  std::ostringstream out;
  out << c10::IntArrayRef(sizes);
  return out.str();
}

std::vector<Value*> articulation_points(const StraightLine& line, const std::unordered_set<const Value*>& depending,
                                        const Value* from) {
  std::unordered_map<const Value*, uint64_t> from_input;
  std::unordered_map<const Value*, uint64_t> to_output;
  std::vector<Value*> order;
  from_input[from ? from : line.input()] = 1;
  for (Node* node : line.graph->nodes()) {
    uint64_t paths = 0;
    for (const Value* input : node->inputs()) {
      if (const auto it = from_input.find(input); it != from_input.end()) paths = add(paths, it->second);
    }
    for (Value* output : node->outputs()) {
      if (depending.count(output) == 0) continue;
      from_input.try_emplace(output, paths);
      order.push_back(output);
    }
  }
  to_output[line.result()] = 1;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    uint64_t paths = *it == line.result() ? 1 : 0;
    for (const auto& use : (*it)->uses()) {
      for (const Value* output : use.user->outputs()) {
        if (const auto found = to_output.find(output); found != to_output.end() && depending.count(output) > 0) {
          paths = add(paths, found->second);
        }
      }
    }
    to_output[*it] = paths;
  }
  const uint64_t all = from_input[line.result()];
  std::vector<Value*> points;
  for (Value* value : order) {
    const bool tensor = value->type()->isSubtypeOf(*c10::TensorType::get());
    if (tensor && multiply(from_input[value], to_output[value]) == all) points.push_back(value);
  }
  return points;
}

std::vector<size_t> places_before(const std::vector<Value*>& points, const std::vector<Node*>& attentions) {
  std::vector<size_t> places;
  places.reserve(attentions.size());
  for (const Node* attention : attentions) {
    size_t before = points.size();
    for (size_t i = 0; i < points.size(); ++i) {
      if (points[i]->node()->isBefore(attention)) before = i;
    }
    if (before == points.size()) {
      throw ModelError("no residual stream leads to the first attention (" + describe(attention) + ")",
                       Reason::kNotOneStream);
    }
    places.push_back(before);
  }
  return places;
}

std::vector<size_t> find_stream(const StraightLine& line, const std::vector<Value*>& points,
                                const std::unordered_set<const Value*>& depending,
                                const std::vector<Node*>& attentions) {
  return Stream(line, points, depending, places_before(points, attentions)).tokens(attentions.front());
}

}  // namespace legrad::graph
