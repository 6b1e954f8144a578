#include "model/load.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <functional>
#include <map>
#include <sstream>
#include <unordered_set>

#include "graph/cut.h"
#include "graph/free_sizes.h"
#include "graph/input_size.h"
#include "graph/rewrite.h"
#include "graph/source.h"
#include "graph/straighten.h"
#include "graph/stream.h"
#include "model/grad_scope.h"
#include "model/measure.h"

namespace legrad::model {
namespace {

using graph::Node;
using graph::Value;

c10::ScalarType dtype_of(const std::vector<at::Tensor>& weights) {
  std::map<c10::ScalarType, int64_t> numbers;
  for (const auto& weight : weights) {
    if (weight.is_floating_point()) numbers[weight.scalar_type()] += weight.numel();
  }
  auto most = std::make_pair(c10::ScalarType::Float, int64_t{0});
  for (const auto& entry : numbers) {
    if (entry.second > most.second) most = entry;
  }
  return most.first;
}

void check_has_attention(const graph::Graph& graph) {
  bool found = false;
  const std::function<void(const torch::jit::Block*)> visit = [&](const torch::jit::Block* block) {
    for (const Node* node : block->nodes()) {
      for (const char* name : {"scaled_dot_product_attention", "softmax", "_softmax", "_native_multi_head_attention"}) {
        found = found || graph::is_aten(node, name);
      }
      for (const auto* inner : node->blocks()) visit(inner);
    }
  };
  visit(graph.block());
  if (!found) {
    throw ModelError(
        "no self-attention was found in the model: it is no vision transformer (a CNN?); expected blocks of softmax "
        "attention over patch tokens");
  }
}

// Images of noise, the same every time.
at::Tensor example_images(int64_t batch, ImageSize size, int64_t channels, c10::Device device, c10::ScalarType dtype) {
  constexpr uint64_t kSeed = 2404;
  auto generator = at::detail::createCPUGenerator(kSeed);
  return at::randn({batch, channels, size.height, size.width}, generator).to(device, dtype);
}

Network::Cut cut_attention(const graph::StraightLine& line, const graph::Site& site, Value* tokens, Value* out,
                           const std::string& name) {
  Network::Cut cut;
  std::vector<Value*> parts = {site.query(), site.key(), site.value(), site.context()};
  if (site.mask()) parts.push_back(site.mask());
  cut.attend = graph::cut(line, {tokens}, parts, name + ", attention");
  cut.tail = graph::cut(line, {site.context(), tokens}, {out}, name + ", after attention");
  cut.scale = site.scale;
  cut.mask = site.mask() != nullptr;
  const auto& context = line.facts.at(site.context()).sizes;
  const int64_t batch = line.facts.at(tokens).sizes[0];
  cut.merged = context[0] == 1 && batch != 1;
  return cut;
}

void cut_stages(Network& network, const graph::StraightLine& line, const graph::Anatomy& anatomy) {
  const auto& tokens = anatomy.tokens;
  Value* patches = line.images();
  if (anatomy.patches) {
    patches = anatomy.patches;
    network.patchify = graph::cut(line, {line.images()}, {patches}, "the patch embedding");
  }
  network.embed = graph::cut(line, {patches}, {tokens.front()}, "the embedding of patches");
  for (size_t l = 0; l < anatomy.blocks.size(); ++l) {
    const auto name = "block " + std::to_string(l);
    const auto& site = anatomy.blocks[l];
    Network::Block block{cut_attention(line, site, tokens[l], tokens[l + 1], name), {}};
    block.tail_with_mean =
        graph::cut_with_mean(line, {site.context(), tokens[l]}, tokens[l + 1], name + ", after attention");
    network.blocks.push_back(std::move(block));
    network.structure.attention.push_back(site.form);
  }
  if (!anatomy.poolers.empty()) {
    network.pooler = cut_attention(line, anatomy.poolers[0], tokens.back(), line.result(), "the attentional pooler");
  }
  network.readout = graph::cut(line, {tokens.back()}, {line.result()}, "the readout");
}

// The pooler as the published code runs it: without the final norm. Changes the line.
void cut_published(Network& network, const graph::StraightLine& line, const graph::Anatomy& anatomy) {
  if (!anatomy.final_norm) return;
  anatomy.final_norm->outputs()[0]->replaceAllUsesWith(anatomy.final_norm->input(0));
  network.published_pooler =
      cut_attention(line, anatomy.poolers[0], anatomy.tokens.back(), line.result(), "the published pooler");
}

void describe_graph(Structure& structure, const graph::StraightLine& line, const graph::Anatomy& anatomy) {
  const auto sizes = [&](const Value* value) { return line.facts.at(value).sizes; };
  const auto tokens = sizes(anatomy.tokens[0]);
  const auto heads = [&](const graph::Site& site) {
    const auto value = sizes(site.value());
    return value[0] == 1 && tokens[0] != 1 && value[1] % tokens[0] == 0 && sizes(site.context())[0] == 1
               ? value[1] / tokens[0]
               : value[1];
  };
  structure.blocks = static_cast<int64_t>(anatomy.blocks.size());
  structure.heads = heads(anatomy.blocks[0]);
  structure.tokens = tokens[1];
  structure.width = tokens[2];
  structure.output_width = line.output.size(1);
  if (anatomy.patches) {
    const auto patches = sizes(anatomy.patches);
    structure.grid = {patches[2], patches[3]};
  }
  if (!anatomy.poolers.empty()) {
    structure.pooler_heads = heads(anatomy.poolers[0]);
    structure.pooler_queries = sizes(anatomy.poolers[0].query())[2];
  }
  std::unordered_set<const void*> seen;
  for (const Node* node : line.graph->nodes()) {
    if (node->kind() != graph::prim::Constant) continue;
    const auto constant = torch::jit::toIValue(node->output());
    if (!constant || !constant->isTensor() || constant->toTensor().dim() == 0) continue;
    if (seen.insert(constant->toTensor().data_ptr()).second) structure.parameters += constant->toTensor().numel();
  }
}

std::shared_ptr<Network> build(const graph::Source& source, int64_t batch, ImageSize size, int64_t channels,
                               const graph::StraightenOptions& straighten) {
  const auto images = example_images(batch, size, channels, straighten.device, straighten.to_dtype);
  auto line = graph::straighten(source, images, straighten);
  graph::free_sizes(line);
  const auto forms = graph::gather_attention(line);
  const auto anatomy = graph::find_anatomy(line, forms);
  auto network = std::make_shared<Network>();
  auto& structure = network->structure;
  structure.input = size;
  structure.channels = channels;
  structure.batch_of_one = batch == 1;
  structure.dtype = straighten.to_dtype;
  structure.device = straighten.device;
  structure.exporter = source.description;
  describe_graph(structure, line, anatomy);
  cut_stages(*network, line, anatomy);
  cut_published(*network, line, anatomy);
  measure(*network, images, line.output);
  return network;
}

}  // namespace

std::shared_ptr<const Network> load_network(const std::filesystem::path& file, const LoadOptions& options) {
  const GradScope scope(false);
  auto source = graph::open_source(file);
  check_has_attention(*source.graph);
  graph::unfuse_attention(*source.graph);
  graph::StraightenOptions straighten;
  straighten.output = options.output;
  straighten.device = options.device;
  straighten.from_dtype = dtype_of(source.weights);
  straighten.to_dtype = options.dtype.value_or(straighten.from_dtype);
  if (!c10::isFloatingType(straighten.to_dtype)) throw InputError("the model's dtype must be a floating type");
  graph::convert(source, straighten.device, straighten.from_dtype, straighten.to_dtype);

  const auto hint = graph::input_hint(source);
  const auto build_at = [&](ImageSize size) {
    try {
      return build(source, 2, size, hint.channels, straighten);
    } catch (const graph::ExecutionError&) {  // perhaps the file holds a batch of one image
      return build(source, 1, size, hint.channels, straighten);
    }
  };
  if (options.input_size) {
    if (options.input_size->height < 1 || options.input_size->width < 1)
      throw InputError("the input size must be positive");
    return build_at(*options.input_size);
  }
  if (!hint.patches) {
    throw ModelError(
        "no patch embedding was found (a convolution over images [B, C, H, W]); expected a vision tower that takes "
        "images");
  }
  // Only a run that fails says that a size was wrong; what is refused at one size is refused at all.
  for (const auto& size : hint.candidates) {
    try {
      return build_at(size);
    } catch (const graph::ExecutionError&) {
    }
  }
  // Nothing tells the size. A common one shows whether the model could be explained at all; if so, ask.
  constexpr ImageSize kCommon{224, 224};
  try {
    build_at(kCommon);
  } catch (const graph::ExecutionError&) {
  }
  throw ModelError(
      "the input size cannot be told from the model (no position embedding was found, or it fits no square grid); pass "
      "it: "
      "--size HxW on the command line, LoadOptions::input_size in C++");
}

}  // namespace legrad::model
