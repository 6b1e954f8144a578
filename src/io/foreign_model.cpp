#include "io/foreign_model.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string_view>

#include "io/nearest_names.h"
#include "io/words.h"

namespace legrad::io {
namespace {

namespace fs = std::filesystem;

// Where nothing but weights is in the file, its owner knows the class; what follows is the same for all.
constexpr const char* kExport =
    "torch.jit.trace(model.eval(), torch.rand(1, 3, 224, 224), check_trace=False, strict=False).save(\"vit.pt\")";

std::string with_weights(const std::string& what, const std::string& load) {
  return what + "; make the model in Python, then export it: model.load_state_dict(" + load + "); " + kExport;
}

std::string other_runtime(const std::string& what) {
  return what + ", which has no PyTorch graph to explain; export the PyTorch model it was made from: " + kExport;
}

constexpr size_t kHead = 512;

std::string head_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(kHead, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(in.gcount()));
  return head;
}

bool starts(std::string_view head, std::string_view with) { return head.substr(0, with.size()) == with; }

// The size of a JSON header, little-endian, and the header.
bool is_safetensors(std::string_view head, uint64_t size) {
  if (head.size() < 10 || head[8] != '{') return false;
  uint64_t header = 0;
  for (size_t i = 8; i-- > 0;) header = header << 8 | static_cast<unsigned char>(head[i]);
  return header >= 2 && header <= size - 8;
}

// A protocol buffer whose first field is ONNX's version of its representation, a small number, and whose next one is of
// those that ModelProto has.
bool is_onnx(std::string_view head) {
  constexpr std::string_view kNextFields = "\x12\x1a\x22\x28\x32\x3a\x42";
  return head.size() > 3 && head[0] == '\x08' && head[1] >= 1 && head[1] <= 20 &&
         kNextFields.find(head[2]) != std::string_view::npos;
}

bool is_pickle(std::string_view head) { return head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5; }

bool is_page(std::string_view head) {
  const auto first = head.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (first == std::string_view::npos || head[first] != '<') return false;
  const auto text = lower_case(std::string(head.substr(first)));
  return starts(text, "<!doctype") || starts(text, "<html") || starts(text, "<?xml") || starts(text, "<head");
}

bool is_text(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char letter) {
    const auto code = static_cast<unsigned char>(letter);
    return code >= 0x20 || letter == '\n' || letter == '\r' || letter == '\t';
  });
}

struct Signature {
  std::string_view bytes;
  size_t at;
  const char* what;
};
constexpr std::array kOtherRuntimes = {
    Signature{"TFL3", 4, "it is a TensorFlow Lite model"},
    Signature{"\x89HDF", 0, "it is an HDF5 file, as Keras writes it"},
    Signature{"GGUF", 0, "it is a GGUF file"},
    Signature{"\x7f"
              "ELF",
              0, "it is a compiled library, as AOTInductor makes them"},
};
constexpr std::array kPictures = {
    Signature{"\x89PNG", 0, "PNG"}, Signature{"\xff\xd8\xff", 0, "JPEG"},
    Signature{"GIF8", 0, "GIF"},    Signature{"WEBP", 8, "WebP"},
    Signature{"BM", 0, "BMP"},
};

template <class Signatures>
const char* found_in(const Signatures& signatures, std::string_view head) {
  for (const auto& signature : signatures) {
    if (head.size() >= signature.at && starts(head.substr(signature.at), signature.bytes)) return signature.what;
  }
  return nullptr;
}

bool has_name(const std::vector<std::string>& names, std::string_view end) {
  return std::ranges::any_of(names, [&](const std::string& name) { return name.ends_with(end); });
}

bool has_folder(const std::vector<std::string>& names, std::string_view folder) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return ("/" + name).find(folder) != std::string::npos; });
}

bool is_model(const fs::path& file) {
  const auto extension = lower_case(file.extension().string());
  return extension == ".pt" || extension == ".pt2" || extension == ".ts" || extension == ".torchscript";
}

}  // namespace

std::string foreign_file(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return {};
  if (size == 0) return "it is empty; copy or export it again";
  const auto head = head_of(file);
  if (starts(head, "PK")) return {};
  if (starts(head, "version https://git-lfs")) {
    return "it is a Git LFS pointer, which stands for a file that was not downloaded; fetch it: git lfs pull";
  }
  if (is_page(head)) return "it is a web page, as a failed download leaves it; download the file itself";
  if (is_safetensors(head, size)) {
    return with_weights("it is a safetensors file, which holds weights alone",
                        "safetensors.torch.load_file(\"" + file.filename().string() + "\")");
  }
  if (is_pickle(head)) {
    return with_weights("it is a pickle of torch.save (its older form), which is not read since loading it runs code",
                        "torch.load(\"" + file.filename().string() + "\")");
  }
  if (const char* runtime = found_in(kOtherRuntimes, head)) return other_runtime(runtime);
  if (const char* picture = found_in(kPictures, head)) {
    return std::string("it is a ") + picture + " picture; the model comes first, pictures are given by themselves";
  }
  if (file.extension() == ".onnx" || is_onnx(head)) return other_runtime("it is an ONNX model");
  if (starts(head, "\x1f\x8b") || starts(head, "7z") || (head.size() > 262 && head.compare(257, 5, "ustar") == 0)) {
    return "it is a compressed or packed folder; unpack it, and give the model in it";
  }
  if (is_text(head)) return other_runtime("it is a text file");
  return {};
}

std::string foreign_archive(const std::vector<std::string>& records) {
  if (has_folder(records, "/aotinductor/") || has_name(records, ".wrapper.so")) {
    return other_runtime("it is an AOTInductor package, compiled code");
  }
  const bool program = has_folder(records, "/models/") || has_name(records, "serialized_exported_program.json");
  if (program || has_folder(records, "/code/")) return {};
  if (has_name(records, "data.pkl")) {
    return with_weights("it is a pickle of torch.save (a state dict or a whole module), which holds no graph",
                        "torch.load(\"weights.pth\")");
  }
  if (has_name(records, ".npy")) return "it is a NumPy .npz archive of arrays";
  if (has_name(records, "config.json") && has_name(records, ".weights.h5")) return other_runtime("it is a Keras model");
  return {};
}

std::string foreign_folder(const fs::path& folder) {
  std::vector<std::string> models;
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename().string());
    if (is_model(entry.path())) models.push_back(entry.path().string());
  }
  std::ranges::sort(models);
  if (models.size() == 1) return "it holds one exported model; give that: " + models[0];
  if (!models.empty()) return "it holds several exported models; give one of them: " + joined(models);
  if (has_name(names, "config.json") && (has_name(names, ".safetensors") || has_name(names, ".bin"))) {
    return "it is a Hugging Face folder, which holds weights and no graph; export it in Python: model = "
           "transformers.AutoModelForImageClassification.from_pretrained(\"" +
           folder.string() + "\"); " + kExport;
  }
  if (has_name(names, "saved_model.pb")) return other_runtime("it is a TensorFlow SavedModel");
  return {};
}

}  // namespace legrad::io
