#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>
#include <legrad/sweep.h>
#include <legrad/target.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace legrad {

/// How much memory packed weights may take, where nothing else is said: 512 MiB.
inline constexpr int64_t kPackBytes = int64_t{512} << 20;

/// How a model is loaded.
struct LoadOptions {
  /// Default: what patch and position embedding tell. A file exported for another size is loaded and `resized`.
  std::optional<ImageSize> input_size = {};
  c10::Device device = c10::Device(c10::DeviceType::CPU);
  std::optional<c10::ScalarType> dtype = {};  ///< default: the file's own
  /// Name or index of the output to explain. Default: the first of shape [B, C], or else the first that is scores in
  /// another form: [B, 1, C], [B] (the logit of an only class), [B, C, h, w].
  std::string output = {};
  /// Row and column of an output [B, C, h, w], as segmentation has it, whose scores are explained; default: the mean
  /// over all places.
  std::optional<std::array<int64_t, 2>> output_place = {};
  /// A seed: the numbers of every weight matrix in a random order, so that nothing learnt is left. What a method says
  /// of such a model it does not have from what was learnt (Adebayo et al., "Sanity checks for saliency maps", 2018).
  std::optional<uint64_t> shuffled_weights = {};
  /// Bytes that weights of linear layers may take a second time, packed as the CPU's library multiplies with them: a
  /// float32 forward of one image is about a sixth faster then. First to last, as far as there is room; 0: none.
  int64_t pack_bytes = kPackBytes;
};

namespace model {
class Network;
}

/// How much memory going back may take to save time, where nothing else is said: 256 MiB.
inline constexpr int64_t kTapeBytes = int64_t{256} << 20;

/// A vision transformer read from a stock export. Immutable: copies are cheap and share everything, and one `Vit` may
/// be used from many threads at once. Every call leaves the caller's grad and inference mode as it was.
class Vit {
 public:
  /// Reads, checks, straightens and cuts a TorchScript archive (traced, scripted or frozen) or one of torch.export
  /// (.pt2). Nothing in the file runs before it was looked at. Throws `ModelError` for what is not a model we can
  /// explain rightly.
  static Vit load(const std::filesystem::path& file, const LoadOptions& options = {});

  const Structure& structure() const;
  /// The same, for what may be there longer than this `Vit`.
  std::shared_ptr<const Structure> shared_structure() const;
  const GradientPlan& plan() const;

  /// A new model for images of another size, multiples of the patch size; this one stays as it is. The position
  /// embedding is resampled as timm and open_clip do (bicubic, antialiased), rows of class and register tokens
  /// untouched. Weights are shared. Throws `InputError` for a size that does not fit, `ModelError` for a model whose
  /// file holds more of its size than a position embedding (rotary tables, relative position bias).
  Vit resized(int64_t height, int64_t width) const;

  /// The model's output [B, C] for images [B, 3, H, W] that are already preprocessed. Images are moved to the model's
  /// device and dtype. Throws `InputError` for another shape.
  at::Tensor forward(const at::Tensor& images) const;

  /// One forward sweep over the blocks, then a relevance walk for each table that someone watches, and one backward
  /// sweep if anyone watches it. Returns the model's output [B, C].
  /// A target that is to be chosen by the output costs a plain forward beforehand where a watcher wants a block's own
  /// score. Watchers are called in the order given, on the caller's thread. The backward sweep runs a block again that
  /// it needs gradients or the attention of, and a walk a block whose values it needs; the last ones are kept from the
  /// forward sweep instead, as many as `tape_bytes` hold (for walks, where it is one image). Maps are the same either
  /// way.
  at::Tensor sweep(const at::Tensor& images, const Target& target, const std::vector<ForwardWatcher*>& forward,
                   const std::vector<BackwardWatcher*>& backward = {},
                   const std::vector<RelevanceWatcher*>& relevance = {}, int64_t tape_bytes = kTapeBytes) const;

  /// The same model, whose gradients in the sweeps pass by a table of rules, or with none by autograd; weights are
  /// shared. An operator that the table knows nothing of is refused where a gradient meets it (`InputError`,
  /// `Reason::kNoRule`), and so is a table that passes no gradients.
  Vit by_rules(std::shared_ptr<const Rules> rules) const;

  /// This model's embedding and first `blocks` blocks, then the other blocks and the readout of `rest`, which is the
  /// same model with other weights, as `LoadOptions::shuffled_weights` loads it. Weights are shared; it takes no other
  /// size. Throws `InputError` for a model that is built otherwise.
  Vit followed_by(const Vit& rest, int64_t blocks) const;

 private:
  explicit Vit(std::shared_ptr<const model::Network> network);
  std::shared_ptr<const model::Network> network_;
};

}  // namespace legrad
