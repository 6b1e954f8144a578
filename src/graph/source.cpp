#include "graph/source.h"

#include <caffe2/serialize/inline_container.h>
#include <legrad/error.h>

#include <algorithm>
#include <functional>

#include "graph/archive.h"
#include "graph/operators.h"
#include "graph/pt2.h"
#include "graph/zip_check.h"

namespace legrad::graph {
namespace {

const Node* first_convolution(const torch::jit::Block* block) {
  for (const Node* node : block->nodes()) {
    if (is_convolution(node)) return node;
    for (const auto* inner : node->blocks()) {
      if (const Node* found = first_convolution(inner)) return found;
    }
  }
  return nullptr;
}

// Whether a zip is what torch.export writes, now or in its older layout.
bool is_pt2(const std::filesystem::path& file) {
  try {
    caffe2::serialize::PyTorchStreamReader reader(file.string());
    const auto records = reader.getAllRecords();
    return std::any_of(records.begin(), records.end(), [](const std::string& record) {
      return record == "archive_format" || record == "models/model.json" ||
             record == "serialized_exported_program.json";
    });
  } catch (const std::exception&) {
    return false;  // whoever reads it next says why
  }
}

}  // namespace

Source open_source(const std::filesystem::path& file) {
  check_zip(file);
  auto source = is_pt2(file) ? open_pt2(file) : open_archive(file);
  check_allowed(*source.graph);
  return source;
}

size_t images_argument(const Source& source) {
  const auto inputs = source.graph->inputs();
  if (const Node* convolution = first_convolution(source.graph->block())) {
    const Value* value = convolution->input(0);
    while (value->node()->kind() != prim::Param && !value->node()->inputs().empty()) value = value->node()->input(0);
    const auto at = static_cast<size_t>(std::find(inputs.begin(), inputs.end(), value) - inputs.begin());
    if (at < inputs.size() && !source.arguments.at(at).value) return at;
  }
  for (size_t i = 0; i < source.arguments.size(); ++i) {
    const auto& argument = source.arguments[i];
    const bool tensor = inputs[i]->type()->isSubtypeOf(*c10::TensorType::get());
    if (!argument.value && tensor) return i;
  }
  throw ModelError("the model takes no tensor; expected images [B, 3, H, W]");
}

void convert(Source& source, c10::Device device, c10::ScalarType from, c10::ScalarType to) {
  for (auto& weight : source.weights) {
    const bool number = weight.dim() == 0;  // numbers of size arithmetic stay where they are
    const auto place = number ? weight.device() : device;
    const auto dtype = weight.scalar_type() == from ? to : weight.scalar_type();
    if (place != weight.device() || dtype != weight.scalar_type()) weight.set_data(weight.to(place, dtype));
  }
}

}  // namespace legrad::graph
