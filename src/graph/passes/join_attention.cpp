#include "graph/passes/join_attention.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <unordered_set>

#include "graph/ir/writer.h"
#include "graph/passes/stream.h"

namespace legrad::graph {
namespace {

class Joiner {
 public:
  Joiner(StraightLine& line, const std::vector<AttentionSite>& sites) : line_(line), sites_(sites) {}

  AttentionSite join() {
    check_shapes();
    const auto readers = readers_between();
    Node* last = sites_.back().node;
    AttentionSite joined = sites_.front();
    joined.node = write(last);
    joined.side_by_side = static_cast<int64_t>(sites_.size());
    joined.form += ", " + std::to_string(sites_.size()) + " side by side";
    Node* at = last;
    for (Node* reader : readers) {
      reader->moveAfter(at);
      at = reader;
    }
    for (const auto& site : sites_) {
      line_.facts.erase(site.context());
      site.node->destroy();
    }
    return joined;
  }

 private:
  const std::vector<int64_t>& sizes(const Value* value) const { return sizes_of(line_, value); }

  [[noreturn]] static void refuse(const AttentionSite& site, const std::string& why) {
    throw ModelError("an attention beside others in one block (" + describe(site.node) + ") " + why,
                     Reason::kUnknownAttention);
  }

  void check_shapes() const {
    const auto& first = sites_.front();
    const int64_t batch = sizes(line_.input())[0];
    for (const auto& site : sites_) {
      const auto& context = sizes(site.context());
      const bool whole =
          context[0] == batch && std::ranges::all_of(site.node->inputs().slice(0, 3), [&](const Value* part) {
            return sizes(part)[0] == context[0] && sizes(part)[1] == context[1];
          });
      if (!whole) refuse(site, "whose heads lie in the batch or share their keys; export it so that each has its own");
      const bool alike = context == sizes(first.context()) && sizes(site.query()) == sizes(first.query()) &&
                         sizes(site.key()) == sizes(first.key()) && site.scale == first.scale;
      if (!alike) refuse(site, "that has other heads, tokens or another scale than they");
    }
  }

  // What reads one of the contexts before the last attention stands. It goes behind that; so no attention may need it.
  std::vector<Node*> readers_between() const {
    std::unordered_set<const Value*> made;
    std::unordered_set<const Node*> attentions;
    for (const auto& site : sites_) attentions.insert(site.node);
    std::vector<Node*> readers;
    for (Node* node = sites_.front().node;; node = node->next()) {
      const bool reads = std::ranges::any_of(node->inputs(), [&](const Value* input) { return made.count(input) > 0; });
      const bool attention = attentions.count(node) > 0;
      if (reads && attention) {
        throw ModelError("the attention layers do not stand on one residual stream: one (" + describe(node) +
                             ") reads what another one gives, and between them no value is passed by every path" +
                             kNotOneStreamHint,
                         Reason::kNotOneStream);
      }
      if (reads) readers.push_back(node);
      if (reads || attention) made.insert(node->outputs().begin(), node->outputs().end());
      if (node == sites_.back().node) return readers;
    }
  }

  // The one attention, in front of a node, and the heads of its context that each of them had.
  Node* write(Node* before) {
    Writer write(line_, before);
    const auto count = static_cast<int64_t>(sites_.size());
    const auto joined_fact = [&](const Value* like) {
      auto fact = line_.facts.at(like);
      fact.sizes[1] *= count;
      return fact;
    };
    const auto joined = [&](size_t input) {
      std::vector<Value*> parts;
      for (const auto& site : sites_) parts.push_back(site.node->input(input));
      return write.call("cat", {write.tensors(parts), write.constant(int64_t{1})}, joined_fact(parts.front()));
    };
    Value* query = joined(0);
    Value* key = joined(1);
    Value* value = joined(2);
    Value* context = write.call("scaled_dot_product_attention",
                                {query, key, value, mask(write), write.constant(0.0), write.constant(false),
                                 write.constant(sites_.front().scale), write.constant(false)},
                                joined_fact(sites_.front().context()));
    int64_t first = 0;
    for (const auto& site : sites_) {
      const int64_t heads = sizes(site.context())[1];
      Value* own =
          write.call("narrow", {context, write.constant(int64_t{1}), write.constant(first), write.constant(heads)},
                     line_.facts.at(site.context()));
      site.context()->replaceAllUsesWith(own);
      first += heads;
    }
    return context->node();
  }

  Value* mask(Writer& write) const {
    Value* first = sites_.front().mask();
    const auto same = [&](const AttentionSite& site) { return site.mask() == first; };
    if (std::ranges::all_of(sites_, same)) return first ? first : write.none();
    std::vector<Value*> parts;
    for (const auto& site : sites_) {
      const bool by_head = site.mask() && sizes(site.mask()).size() == 4 &&
                           sizes(site.mask())[1] == sizes(site.context())[1] && sizes(site.mask()) == sizes(first);
      if (!by_head) refuse(site, "that has another kind of mask than they");
      parts.push_back(site.mask());
    }
    auto fact = line_.facts.at(first);
    fact.sizes[1] *= static_cast<int64_t>(sites_.size());
    return write.call("cat", {write.tensors(parts), write.constant(int64_t{1})}, fact);
  }

  StraightLine& line_;
  const std::vector<AttentionSite>& sites_;
};

}  // namespace

void join_side_by_side(std::vector<AttentionSite>& sites, StraightLine& line, const std::vector<Value*>& points) {
  std::vector<Node*> nodes;
  for (const auto& site : sites) nodes.push_back(site.node);
  const auto places = places_before(points, nodes);
  std::vector<AttentionSite> blocks;
  for (size_t first = 0, end = 0; first < sites.size(); first = end) {
    for (end = first + 1; end < sites.size() && places[end] == places[first];) ++end;
    const std::vector<AttentionSite> beside(sites.begin() + static_cast<std::ptrdiff_t>(first),
                                            sites.begin() + static_cast<std::ptrdiff_t>(end));
    blocks.push_back(beside.size() == 1 ? beside.front() : Joiner(line, beside).join());
  }
  sites = std::move(blocks);
}

}  // namespace legrad::graph
