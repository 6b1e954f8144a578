#include "model/build.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include "graph/passes/added.h"
#include "graph/passes/cut.h"
#include "graph/passes/dependence.h"
#include "graph/passes/judge.h"
#include "graph/passes/lower.h"
#include "model/difference.h"
#include "model/measure.h"
#include "model/rounding.h"
#include "model/sweep.h"

namespace legrad::model {
namespace {

using graph::Value;

// Images of noise, the same every time.
at::Tensor example_images(int64_t batch, ImageSize size, int64_t channels, const graph::StraightenOptions& as) {
  constexpr uint64_t kSeed = 2404;
  auto generator = at::detail::createCPUGenerator(kSeed);
  return at::randn({batch, channels, size.height, size.width}, generator).to(as.device, as.to_dtype);
}

// Other images than the example, of another spread, to see whether what was found on the example holds; and more of
// them, so that their number is not taken for that of something else.
at::Tensor probe_images(const at::Tensor& example, const Structure& structure) {
  constexpr int64_t kLarge = 30'000'000;  // parameters
  const int64_t count = structure.parameters > kLarge ? 3 : 5;
  auto generator = at::detail::createCPUGenerator(/*seed=*/1706);
  const auto sizes = example.sizes();
  const auto images = at::randn({count, sizes[1], sizes[2], sizes[3]}, generator) * 1.3 + 0.2;
  return images.to(example.options());
}

// Checks the network against the file's own forward, and measures the rest of its structure.
void judge_and_measure(Network& network, const graph::Source& file, const at::Tensor& example,
                       const graph::StraightenOptions& options) {
  const auto images = probe_images(example, network.structure);
  const auto judged = images.narrow(0, 0, example.size(0));
  if (const auto output = graph::run_as_it_stands(file, judged, options)) {
    measure(network, images, *output);
  } else {  // it needs another input as well
    measure(network, at::cat({example, images}), graph::lower(file, example, options).line.output);
  }
  network.structure.quantised = compare_rounded(file, images, example.size(0), options);
}

AttentionStage cut_attention(const graph::StraightLine& line, const graph::AttentionSite& site, Value* tokens,
                             Value* out, const std::string& name) {
  AttentionStage stage;
  std::vector<Value*> parts = {site.query(), site.key(), site.value(), site.context()};
  if (site.mask()) parts.push_back(site.mask());
  stage.attend = graph::cut(line, {tokens}, parts, name + ", attention");
  stage.tail = graph::cut(line, {site.context(), tokens}, {out}, name + ", after attention");
  stage.scale = site.scale;
  stage.side_by_side = site.side_by_side;
  stage.mask = site.mask() != nullptr;
  const auto& context = line.facts.at(site.context()).sizes;
  const int64_t batch = line.facts.at(tokens).sizes[0];
  stage.layout.heads_in_batch = context[0] == 1 && batch != 1;
  return stage;
}

// What a block's attention adds to the stream, where that can be cut out: it is not needed to explain by other methods.
void cut_added(Network::Block& block, const graph::StraightLine& line, const graph::Added& found, Value* context,
               Value* tokens, const std::string& name) {
  if (!found.added) return;
  try {
    block.project = graph::cut(line, {tokens}, {found.projected}, name + ", before attention");
    block.add = graph::cut(line, {context, tokens}, {found.added}, name + ", what attention adds");
    block.projected_rows_first = found.rows_first;
  } catch (const ModelError&) {  // it needs something of the images beside the context
    block.project = block.add = {};
  }
}

void cut_stages(Network& network, const graph::StraightLine& line, const graph::Anatomy& anatomy) {
  const auto& tokens = anatomy.tokens;
  Value* patches = line.input();
  if (anatomy.patches) {
    patches = anatomy.patches;
    network.patchify = graph::cut(line, {line.input()}, {patches}, "the patch embedding");
  }
  network.embed = graph::cut(line, {patches}, {tokens.front()}, "the embedding of patches");
  const auto depending = graph::depends_on_input(line);
  network.structure.attention_added = true;
  for (size_t l = 0; l < anatomy.blocks.size(); ++l) {
    const auto name = "block " + std::to_string(l);
    const auto& site = anatomy.blocks[l];
    Network::Block block{cut_attention(line, site, tokens[l], tokens[l + 1], name), {}, {}, false, {}};
    block.with_means =
        graph::cut_with_means(line, {site.context(), tokens[l]}, tokens[l + 1], name + ", after attention");
    cut_added(block, line, graph::find_added(line, depending, site, tokens[l]), site.context(), tokens[l], name);
    network.structure.attention_added &= block.add && !block.mask && block.side_by_side == 1;
    network.blocks.push_back(std::move(block));
    network.structure.attention.push_back(site.form);
  }
  if (!anatomy.poolers.empty()) {
    network.pooler = cut_attention(line, anatomy.poolers[0], tokens.back(), line.result(), "the attentional pooler");
  }
  network.readout = graph::cut(line, {tokens.back()}, {line.result()}, "the readout");
}

// The pooler as the published code runs it: without the final norm. Changes the line.
void cut_published(Network& network, graph::Lowered& lowered) {
  auto& anatomy = lowered.anatomy;
  if (!anatomy.final_norm) return;
  graph::skip_final_norm(anatomy);
  network.published_pooler = cut_attention(lowered.line, anatomy.poolers[0], anatomy.tokens.back(),
                                           lowered.line.result(), "the published pooler");
}

void describe_graph(Structure& structure, const graph::StraightLine& line, const graph::Anatomy& anatomy) {
  const auto sizes = [&](const Value* value) { return line.facts.at(value).sizes; };
  const auto tokens = sizes(anatomy.tokens[0]);
  const auto heads = [&](const graph::AttentionSite& site) {
    const auto context = sizes(site.context());
    return context[0] == 1 && tokens[0] != 1 ? context[1] / tokens[0] : context[1];
  };
  structure.blocks = static_cast<int64_t>(anatomy.blocks.size());
  structure.heads = heads(anatomy.blocks[0]);
  structure.tokens = tokens[1];
  structure.width = tokens[2];
  structure.output_width = line.output.size(1);
  structure.output_is = line.output_is;
  if (anatomy.patches) {
    const auto patches = sizes(anatomy.patches);
    structure.image->grid = {patches[2], patches[3]};
  }
  if (!anatomy.poolers.empty()) {
    structure.pooler_heads = heads(anatomy.poolers[0]);
    structure.pooler_queries = sizes(anatomy.poolers[0].query())[2];
  }
  structure.parameters = graph::count_parameters(line);
}

}  // namespace

std::shared_ptr<Network> build(const graph::Source& source, int64_t batch, ImageSize size, int64_t channels,
                               const graph::StraightenOptions& straighten, int64_t pack_bytes) {
  const auto images = example_images(batch, size, channels, straighten);
  auto shapes = straighten;
  shapes.products = false;
  auto lowered = graph::lower(source, images, shapes);
  auto network = std::make_shared<Network>();
  auto& structure = network->structure;
  structure.image = ImageInput{
      .size = size, .size_guessed = false, .channels = channels, .grid = {}, .prefix_tokens = 0, .patch_positions = {}};
  network->plan.batch_of_one = batch == 1;
  network->pack_bytes = pack_bytes;
  structure.dtype = straighten.to_dtype;
  structure.device = straighten.device;
  structure.exporter = source.description;
  describe_graph(structure, lowered.line, lowered.anatomy);
  network->tape_bytes = graph::count_bytes(lowered.line) / (batch * structure.blocks);
  cut_stages(*network, lowered.line, lowered.anatomy);
  cut_published(*network, lowered);
  network->line = std::make_shared<const graph::Source>(std::move(lowered.snapshot));
  judge_and_measure(*network, source, images, straighten);
  return network;
}

bool stands_for_each_image(const Network& network, const graph::Source& source,
                           const graph::StraightenOptions& straighten) {
  const auto& image = *network.structure.image;
  const auto images = example_images(2, image.size, image.channels, straighten);
  std::optional<at::Tensor> together;
  try {
    together = graph::run_as_it_stands(source, images, straighten);
  } catch (const ModelError&) {
    return true;
  }
  return !together || agree(sweep_forward(network, images, {}, {}, nullptr), *together);
}

}  // namespace legrad::model
