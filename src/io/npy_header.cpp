#include "io/npy_header.h"

#include <legrad/error.h>

#include <charconv>

namespace legrad::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxDimensions = 32;  // as NumPy has it

/// Reads the header's text, a Python dict such as {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class DictReader {
 public:
  explicit DictReader(std::string_view text) : rest_(text) {}

  void read(NpyHeader& header) {
    bool descr = false;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !descr) {
        header.descr = string();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran_order = boolean();
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = tuple();
        shape = true;
      } else {
        fail();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!rest_.empty() || !descr || !order || !shape) {
      fail();
    }
  }

 private:
  [[noreturn]] static void fail() {
    throw InputError("its header is none of a plain NumPy array (no records, no objects)");
  }

  void skip_blanks() {
    const size_t first = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
  }

  bool accept(std::string_view word) {
    skip_blanks();
    if (!rest_.starts_with(word)) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }

  bool accept(char letter) { return accept(std::string_view(&letter, 1)); }

  void expect(char letter) {
    if (!accept(letter)) {
      fail();
    }
  }

  std::string string() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') {
      expect('\'');
    }
    const size_t end = rest_.find(quote);
    if (end == std::string_view::npos) {
      fail();
    }
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return value;
  }

  bool boolean() {
    if (accept("True")) {
      return true;
    }
    if (!accept("False")) {
      fail();
    }
    return false;
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!accept(')')) {
      values.push_back(size());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    if (values.size() > kMaxDimensions) {
      fail();
    }
    return values;
  }

  int64_t size() {
    skip_blanks();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) {
      fail();
    }
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    accept('L');  // Python 2 wrote long integers so
    return value;
  }

  std::string_view rest_;
};

/// The little-endian number in `bytes`.
size_t little_endian(std::string_view bytes) {
  size_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) {
    throw InputError("it is no NumPy array file");
  }
  const size_t version = kMagic.size();
  const size_t length = version + 2;
  if (bytes.size() < length + 4) {
    throw InputError("it is cut short");
  }
  const int major = static_cast<unsigned char>(bytes[version]);
  if (major < 1 || major > 3) {
    throw InputError("it has format version " + std::to_string(major) + "; versions 1 to 3 are read");
  }
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t text = length + length_bytes;
  const size_t text_size = little_endian(bytes.substr(length, length_bytes));
  if (text_size > bytes.size() - text) {
    throw InputError("it is cut short");
  }
  NpyHeader header;
  header.data = text + text_size;
  DictReader(bytes.substr(text, text_size)).read(header);
  return header;
}

std::string make_npy_header(const std::string& descr, const std::vector<int64_t>& shape) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (const int64_t size : shape) {
    text += std::to_string(size) + ", ";
  }
  text += "), }";
  if (shape.size() == 1) {
    text.replace(text.find(", )"), 3, ",)");
  } else if (shape.size() > 1) {
    text.replace(text.find(", )"), 3, ")");
  }
  constexpr size_t kAlignment = 64;
  const size_t before = kMagic.size() + 4;  // magic, version and the text's length
  text.append(kAlignment - 1 - (before + text.size()) % kAlignment, ' ');
  text += '\n';

  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace legrad::io
