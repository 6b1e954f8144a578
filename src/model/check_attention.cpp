#include "model/check_attention.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include <algorithm>
#include <array>
#include <optional>

#include "model/difference.h"
#include "model/probe_codes.h"

namespace legrad::model {
namespace {

// Q, K, V and O.
std::array<at::Tensor, 4> parts(const Attended& attended) {
  const auto& attention = attended.attention;
  return {attention.query, attention.key, attention.value, attended.context.detach()};
}

class AttentionCheck {
 public:
  AttentionCheck(const Network& network, AttentionStage& stage, const Seen& seen, const std::string& name)
      : network_(network), stage_(stage), seen_(seen), name_(name), alone_(network.attend(stage, seen.alone)) {}

  SeenAttended run() {
    find_heads();
    check_map();
    if (!stands_in_place()) {
      find_order();
      together_ = network_.attend(stage_, seen_.tokens);
      alone_ = network_.attend(stage_, seen_.alone);
    }
    return {together_, alone_};
  }

 private:
  // attend(batch)[i] is attend(image i). Where heads and images are one dimension, this tells which comes first.
  void find_heads() {
    if (fits_alone()) return;
    stage_.layout.heads_first = stage_.layout.heads_in_batch;
    if (stage_.layout.heads_in_batch && fits_alone()) return;
    throw ModelError(
        name_ +
            ": its attention to an image depends on the other images of the batch, or its heads and images "
            "lie in an order that cannot be told; export the model so that each image stands for itself",
        Reason::kMixesImages);
  }

  bool fits_alone() {
    together_ = network_.attend(stage_, seen_.tokens);
    const auto all = parts(together_);
    const auto one = parts(alone_);
    for (size_t i = 0; i < all.size(); ++i) {
      if (!agree(all[i].narrow(0, seen_.image, 1), one[i])) return false;
    }
    return true;
  }

  // What methods take for the map, times V, is what the model went on with.
  void check_map() const {
    const auto& attention = together_.attention;
    const auto& mask = attention.mask;
    const std::array<int64_t, 4> whole = {attention.batch(), attention.heads(), attention.queries(),
                                          attention.tokens()};
    bool fits = attention.query.size(0) == whole[0] && attention.key.size(2) == whole[3] &&
                (!mask.defined() || at::is_expandable_to(mask.sizes(), whole));
    for (const int64_t row : {int64_t{0}, attention.queries() / 2, attention.queries() - 1}) {
      if (!fits) break;
      const auto map = attention.rows(row, 1);
      const auto context = together_.context.detach().narrow(2, row, 1);
      fits = agree(map.matmul(attention.value.to(map.scalar_type())).to(context.scalar_type()), context);
    }
    if (fits) return;
    throw ModelError(name_ + ": the attention map times its values does not give what the model goes on with",
                     Reason::kUnknownAttention);
  }

  // Whether every row is made of its own token alone, which is the rule, in three runs: rows change where their tokens
  // do, in one half of them and in the other, and go where their tokens go in a random order. Not so where a row
  // depends on its place too, as with rotary positions.
  bool stands_in_place() const {
    const int64_t count = seen_.alone.size(1);
    auto generator = at::detail::createCPUGenerator(/*seed=*/41);
    const auto shuffled = at::randperm(count, generator, at::TensorOptions().dtype(at::kLong));
    const auto half = shuffled.lt(count / 2);
    const auto one = changed_rows(half);
    const auto other = changed_rows(half.logical_not());
    const auto places = shuffled.to(seen_.alone.device());
    const auto base = parts(alone_);
    const auto moved = parts(network_.attend(stage_, seen_.alone.index_select(1, places)));
    for (size_t part = is_pooler() ? 1 : 0; part < 3; ++part) {
      if (!one[part].any().item<bool>() && !other[part].any().item<bool>()) continue;
      if (base[part].size(2) != count || !at::equal(one[part], half) || !at::equal(other[part], half.logical_not()) ||
          !agree(moved[part], base[part].index_select(2, places))) {
        return false;
      }
    }
    return true;
  }

  // Rows of a pooler's queries are no tokens.
  void find_order() {
    const auto key = sources(1);
    const auto value = sources(2);
    if (key && value && *key != *value) refuse("its keys and its values are in different orders");
    const auto& columns = value ? value : key;
    if (!is_pooler()) {
      const auto query = sources(0);
      const auto& rows = query ? query : columns;
      if (rows) stage_.layout.query_order = order(*rows);
      if (stage_.layout.query_order.defined()) stage_.layout.query_tokens = index(*rows);
    }
    if (!columns) return;
    stage_.layout.key_order = order(*columns);
    if (static_cast<int64_t>(columns->size()) < seen_.alone.size(1)) {
      stage_.layout.keyless = stage_.layout.key_order.eq(static_cast<int64_t>(columns->size()));
    }
  }

  bool is_pooler() const { return network_.pooler && &stage_ == &*network_.pooler; }

  // The token each row of Q, K or V is made of; nothing where no row depends on any token.
  std::optional<std::vector<int64_t>> sources(size_t part) {
    const int64_t count = seen_.alone.size(1);
    size_t question = 0;
    const auto found = find_sources(count, [&](const at::Tensor& mask) {
      if (question == answers_.size()) answers_.push_back(changed_rows(mask));
      return answers_[question++][part];
    });
    if (!found) refuse("a row of it is made of several tokens");
    const auto unmade = std::count(found->begin(), found->end(), -1);
    if (unmade == static_cast<int64_t>(found->size())) return std::nullopt;
    const auto rows = static_cast<int64_t>(found->size());
    // A pooler may leave tokens out, as timm's do with those that are no patches.
    const bool fits = is_pooler() && part > 0 ? rows <= count : rows == count;
    if (unmade > 0 || !fits) refuse("not all rows of it are tokens");
    return found;
  }

  // Which rows of Q, K and V change when the tokens in `mask` are others.
  std::array<at::Tensor, 3> changed_rows(const at::Tensor& mask) const {
    constexpr uint64_t kSeed = 77;
    const auto others = seen_.alone + noise_like(seen_.alone, kSeed);
    const auto replaced = at::where(mask.to(others.device()).reshape({1, -1, 1}), others, seen_.alone);
    const auto given = network_.attend(stage_, replaced).attention;
    const auto& base = alone_.attention;
    return {changed_slices(given.query, base.query, 2), changed_slices(given.key, base.key, 2),
            changed_slices(given.value, base.value, 2)};
  }

  // The row of each token, or the number of rows where it has none; undefined where each stands in its own place.
  at::Tensor order(const std::vector<int64_t>& sources) const {
    const auto tokens = static_cast<size_t>(seen_.alone.size(1));
    if (sources.size() == tokens && std::is_sorted(sources.begin(), sources.end())) return {};
    std::vector<int64_t> rows(tokens, static_cast<int64_t>(sources.size()));
    for (size_t row = 0; row < sources.size(); ++row) rows[sources[row]] = static_cast<int64_t>(row);
    return index(rows);
  }

  at::Tensor index(const std::vector<int64_t>& places) const {
    return at::tensor(places, at::TensorOptions().dtype(at::kLong)).to(seen_.alone.device());
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw ModelError(name_ + ": its attention does not see the tokens one by one (" + why +
                         "), so that its maps have no place on the tokens; it cannot be explained rightly",
                     Reason::kTokensUnordered);
  }

  const Network& network_;
  AttentionStage& stage_;
  const Seen& seen_;
  const std::string& name_;
  Attended together_;
  Attended alone_;
  std::vector<std::array<at::Tensor, 3>> answers_;  // to each question, one bit of the tokens' codes
};

}  // namespace

SeenAttended measure_attention(const Network& network, AttentionStage& stage, const Seen& seen,
                               const std::string& name) {
  return AttentionCheck(network, stage, seen, name).run();
}

}  // namespace legrad::model
