#include "graph/passes/stream.h"

#include <c10/util/ArrayRef.h>
#include <legrad/error.h>

#include <sstream>

namespace legrad::graph {
namespace {

// Paths are counted modulo a prime, so that a count that is a multiple of it by chance does not happen.
constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
uint64_t add(uint64_t a, uint64_t b) { return (a + b) % kPrime; }
uint64_t multiply(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b % kPrime);
}

// The last articulation point before each attention: Z^0 ... Z^(L-1).
std::vector<size_t> places_before(const std::vector<Value*>& points, const std::vector<Node*>& attentions) {
  std::vector<size_t> places;
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

class Stream {
 public:
  Stream(const StraightLine& line, const std::vector<Value*>& points, std::vector<size_t> places)
      : line_(line), points_(points), places_(std::move(places)), first_(shape_at(places_.front())) {
    if (first_.size() != 3) refuse("the first block's input has shape " + text(first_) + ", expected tokens [B, N, d]");
  }

  /// Z^L stands as far behind the last attention as each Z^l behind its own.
  void add_last(const Node* first_attention) {
    step_ = places_.size() > 1 ? places_[1] - places_[0] : steps_of_only_block(first_attention);
    if (step_ == 0 || places_.back() + step_ >= points_.size()) {
      refuse(
          "the attention layers do not stand on one residual stream: between the first two of them no value is passed "
          "by every path");
    }
    places_.push_back(places_.back() + step_);
  }

  void check_blocks_alike() const {
    for (size_t l = 0; l + 1 < places_.size(); ++l) {
      const auto steps = places_[l + 1] - places_[l];
      const auto block = "block " + std::to_string(l);
      if (steps != step_) {
        refuse(block + " is not built like block 0 (" + std::to_string(steps) +
               " steps on the residual stream, expected " + std::to_string(step_) + ")");
      }
      const auto shape = shape_at(places_[l + 1]);
      if (shape != first_) {
        refuse(block + " turns tokens of shape " + text(first_) + " into " + text(shape) +
               ", expected one shape for all blocks");
      }
      for (size_t i = 1; i <= step_; ++i) {
        const auto kind = points_[places_[l] + i]->node()->kind();
        const auto expected = points_[places_[0] + i]->node()->kind();
        if (kind == expected) continue;
        refuse(block + " is not built like block 0 (" + std::string(kind.toQualString()) + " where " +
               expected.toQualString() + " stands)");
      }
    }
  }

  const std::vector<size_t>& places() const { return places_; }

 private:
  const std::vector<int64_t>& shape_at(size_t place) const { return line_.facts.at(points_[place]).sizes; }

  // A block adds twice to the stream, behind its attention and behind its MLP.
  size_t steps_of_only_block(const Node* attention) const {
    size_t steps = 0;
    for (size_t i = places_[0] + 1, adds = 0; i < points_.size() && adds < 2; ++i) {
      const Node* node = points_[i]->node();
      if (!node->isAfter(attention) || !is_aten(node, "add") || shape_at(i) != first_) continue;
      steps = i - places_[0];
      ++adds;
    }
    return steps;
  }

  [[noreturn]] static void refuse(const std::string& what) {
    throw ModelError(what + kNotOneStreamHint, Reason::kNotOneStream);
  }

  const StraightLine& line_;
  const std::vector<Value*>& points_;
  std::vector<size_t> places_;
  const std::vector<int64_t>& first_;  // the shape of Z^0
  size_t step_ = 0;                    // articulation points from Z^l to Z^(l+1)
};

}  // namespace

std::string text(const std::vector<int64_t>& sizes) {
  std::ostringstream out;
  out << c10::IntArrayRef(sizes);
  return out.str();
}

std::vector<Value*> articulation_points(const StraightLine& line, const std::unordered_set<const Value*>& depending) {
  std::unordered_map<const Value*, uint64_t> from_input;
  std::unordered_map<const Value*, uint64_t> to_output;
  std::vector<Value*> order;
  from_input[line.input()] = 1;
  for (Node* node : line.graph->nodes()) {
    uint64_t paths = 0;
    for (const Value* input : node->inputs()) {
      if (const auto it = from_input.find(input); it != from_input.end()) paths = add(paths, it->second);
    }
    for (Value* output : node->outputs()) {
      if (depending.count(output) == 0) continue;
      from_input[output] = paths;
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

std::vector<size_t> find_stream(const StraightLine& line, const std::vector<Value*>& points,
                                const std::vector<Node*>& attentions) {
  Stream stream(line, points, places_before(points, attentions));
  stream.add_last(attentions.front());
  stream.check_blocks_alike();
  return stream.places();
}

}  // namespace legrad::graph
