#pragma once

#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/json_edits.h"
#include "support/records.h"

namespace legrad::testing {

/// Edits of an archive as somebody could make them who writes it again with checksums that fit. Each returns what it
/// did.
class ArchiveEditor {
 public:
  ArchiveEditor(Records& records, unsigned seed) : records_(records), random_(seed) {}

  std::string edit_script() {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        return insert_statement();
      case 3:
      case 4:
        return change_number(code());
      case 5:
      case 6:
        return swap_operator();
      case 7:
        return move_line();
      case 8:
      case 9:
        return swap_words();
      case 10:
        return change_pickle();
      default:
        return edit_records("data/");
    }
  }

  std::string edit_program() {
    switch (pick(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return edit_json_of("models/model.json");
      case 4:
        return swap_target();
      case 5:
        return edit_json_of("data/weights/model_weights_config.json");
      default:
        return edit_records("data/weights/weight_");
    }
  }

 private:
  size_t pick(size_t count) { return random_() % count; }
  template <class T>
  const T& any(const std::vector<T>& of) {
    return of[pick(of.size())];
  }

  std::vector<std::string> names(std::string_view start, std::string_view end = "") {
    std::vector<std::string> found;
    for (const auto& [name, content] : records_.all()) {
      if (name.starts_with(start) && name.ends_with(end) && !content.empty()) found.push_back(name);
    }
    return found;
  }

  std::string& code() { return records_[any(names("code/", ".py"))]; }

  /// The places in a text where a word stands that `fits`.
  template <class Fits>
  static std::vector<std::pair<size_t, size_t>> words(const std::string& text, const Fits& fits) {
    std::vector<std::pair<size_t, size_t>> found;
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_' || text[end] == '.'))
        ++end;
      if (end > at && fits(text.substr(at, end - at))) found.emplace_back(at, end - at);
      at = std::max(end, at + 1);
    }
    return found;
  }

  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> all;
    for (size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      all.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return all;
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
  }

  /// `x = f(x)` behind a line that sets x.
  std::string insert_statement() {
    static const std::vector<std::string> kStatements = {"torch.mul($, 0.5)",
                                                         "torch.neg($)",
                                                         "torch.relu($)",
                                                         "torch.flip($, [1])",
                                                         "torch.roll($, [1], [1])",
                                                         "torch.add_($, 0.25)",
                                                         "torch.mul_($, 2)",
                                                         "torch.softmax($, -1)",
                                                         "torch.sigmoid($)",
                                                         "torch.detach($)",
                                                         "torch.rand_like($)",
                                                         "torch.zeros_like($)",
                                                         "torch.sub($, torch.mean($, [0], True))",
                                                         "torch.sub($, torch.mean($, [1], True))",
                                                         "torch.transpose($, 1, 2)",
                                                         "torch.nan_to_num($, 0.0)",
                                                         "torch.clamp($, -0.1, 0.1)",
                                                         "torch.round($)",
                                                         "torch.to($, 7)",
                                                         "torch.to($, 6)",
                                                         "torch.contiguous($)",
                                                         "torch.dropout($, 0.5, True)",
                                                         "torch.dropout($, 0.5, False)",
                                                         "torch.cumsum($, 1)",
                                                         "torch.div($, torch.sum($, [-1], True))",
                                                         "torch.tril($)",
                                                         "torch.masked_fill($, torch.lt($, 0), 0.0)",
                                                         "torch.abs($)"};
    auto& text = code();
    auto all = lines(text);
    std::vector<size_t> setting;
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].find(" = ") != std::string::npos && all[i].starts_with("    ")) setting.push_back(i);
    }
    if (setting.empty()) return "nothing";
    const auto line = any(setting);
    const auto name = all[line].substr(4, all[line].find_first_of(" ,") - 4);
    std::string statement = "    " + name + " = " + any(kStatements);
    for (size_t at = statement.find('$'); at != std::string::npos; at = statement.find('$'))
      statement.replace(at, 1, name);
    if (all[line].find('=') == std::string::npos || name.empty()) return "nothing";
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(line) + 1, statement);
    text = joined(all);
    return "inserted" + statement;
  }

  std::string change_number(std::string& text) {
    const auto places =
        words(text, [](const std::string& word) { return std::isdigit(static_cast<unsigned char>(word[0])) != 0; });
    if (places.empty()) return "nothing";
    const auto [at, size] = any(places);
    const auto old = text.substr(at, size);
    static const std::vector<std::string> kNumbers = {
        "0", "1", "2", "3", "-1", "-2", "5", "16", "1e-3", "0.5", "9223372036854775807"};
    std::string put = any(kNumbers);
    if (pick(2) == 0 && old.size() < 6 && old.find_first_not_of("0123456789") == std::string::npos) {
      put = std::to_string(std::stoi(old) + (pick(2) == 0 ? 1 : -1));
    }
    const auto around = text.substr(at > 30 ? at - 30 : 0, std::min<size_t>(at, 30));
    text.replace(at, size, put);
    return "number " + old + " to " + put + " behind " + around.substr(around.rfind('\n') + 1);
  }

  std::string swap_operator() {
    static const std::vector<std::string> kNames = {
        "torch.add",     "torch.sub",         "torch.mul",     "torch.gelu", "torch.relu",      "torch.matmul",
        "torch.softmax", "torch.log_softmax", "torch.sigmoid", "torch.tanh", "torch.transpose", "torch.layer_norm",
        "torch.linear",  "torch.maximum",     "torch.silu",    "torch.div"};
    auto& text = code();
    const auto places =
        words(text, [](const std::string& word) { return word.starts_with("torch.") && word.size() > 8; });
    if (places.empty()) return "nothing";
    const auto [at, size] = any(places);
    const auto old = text.substr(at, size);
    const auto put = any(kNames);
    text.replace(at, size, put);
    return old + " to " + put;
  }

  /// A line less, twice, or the next before it.
  std::string move_line() {
    auto& text = code();
    auto all = lines(text);
    const auto line = pick(all.size() - 1);
    const auto what = all[line];
    const auto place = all.begin() + static_cast<std::ptrdiff_t>(line);
    switch (pick(3)) {
      case 0:
        all.erase(place);
        break;
      case 1:
        all.insert(place, what);
        break;
      default:
        std::swap(all[line], all[line + 1]);
    }
    text = joined(all);
    return "moved" + what;
  }

  /// A variable, attribute or method for another of the same text.
  std::string swap_words() {
    auto& text = code();
    const auto places = words(text, [](const std::string& word) {
      return std::isalpha(static_cast<unsigned char>(word[0])) != 0 && !word.starts_with("torch.") &&
             !word.starts_with("ops.");
    });
    if (places.size() < 2) return "nothing";
    const auto [at, size] = any(places);
    const auto [from, length] = any(places);
    const auto old = text.substr(at, size);
    const auto put = text.substr(from, length);
    text.replace(at, size, put);
    return old + " to " + put;
  }

  /// A small number in the pickle, as of a shape or a stride, or two names exchanged.
  std::string change_pickle() {
    auto& pickle = records_[any(names("", ".pkl"))];
    if (pick(2) == 0) {
      std::vector<size_t> numbers;
      for (size_t i = 0; i + 1 < pickle.size(); ++i) {
        if (pickle[i] == 'K') numbers.push_back(i + 1);
      }
      if (numbers.empty()) return "nothing";
      const auto at = any(numbers);
      pickle[at] = static_cast<char>(pick(3) == 0 ? pick(256)
                                                  : static_cast<unsigned char>(pickle[at]) + (pick(2) == 0 ? 1 : -1));
      return "a number of the pickle at " + std::to_string(at);
    }
    std::vector<std::pair<size_t, size_t>> texts;
    for (size_t i = 0; i + 5 < pickle.size(); ++i) {
      const auto size = static_cast<unsigned char>(pickle[i + 1]);
      if (pickle[i] == 'X' && pickle[i + 2] == 0 && pickle[i + 3] == 0 && i + 5 + size <= pickle.size())
        texts.emplace_back(i + 5, size);
    }
    if (texts.size() < 2) return "nothing";
    const auto [a, size] = any(texts);
    const auto [b, other] = any(texts);
    if (size != other) return change_pickle();
    for (size_t i = 0; i < size; ++i) std::swap(pickle[a + i], pickle[b + i]);
    return "two texts of the pickle at " + std::to_string(a) + " and " + std::to_string(b);
  }

  std::string edit_records(std::string_view start) {
    const auto all = names(start);
    const auto name = any(all);
    const auto other = any(all);
    auto& content = records_[name];
    switch (pick(9)) {
      case 0:
        std::swap(content, records_[other]);
        return "exchanged " + name + " and " + other;
      case 1:
        content = records_[other];
        return name + " is " + other;
      case 2:
        content.resize(pick(content.size()));
        return name + " cut off";
      case 3:
        content += std::string(1 + pick(64), '\1');
        return name + " made longer";
      case 4: {
        static const std::vector<std::string> kNames = {
            "data/99",   "data/weights/weight_99", "extra/x", "version", "code/y.py", "data/0.py", "DATA/0",
            "byteorder", "constants.pkl",          "x"};
        const auto from = any(names(""));
        const auto to = any(kNames);
        if (records_.all().count(to) > 0) return "nothing";
        records_.rename(from, to);
        return from + " renamed to " + to;
      }
      case 5: {
        const auto gone = any(names(""));
        records_.all().erase(gone);
        return gone + " taken out";
      }
      case 6:
        content.assign(content.size(), '\0');
        return name + " zeros";
      case 7:
        return change_weight(name, content, true);
      default:
        return change_weight(name, content, false);
    }
  }

  /// One number of a weight, to an odd one or by a factor. Whether it is a float or a double tells its bytes.
  std::string change_weight(const std::string& name, std::string& content, bool odd) {
    static const std::vector<double> kOdd = {
        0, 1e30, -1e30, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e-300};
    if (content.size() < 8) return "nothing";
    const auto at = pick(content.size() / 8) * 8;
    if (as_doubles) {
      double value = 0;
      std::memcpy(&value, content.data() + at, sizeof(value));
      value = odd ? any(kOdd) : value * 1.5 + 0.1;
      std::memcpy(content.data() + at, &value, sizeof(value));
    } else {
      float value = 0;
      std::memcpy(&value, content.data() + at, sizeof(value));
      value = odd ? static_cast<float>(any(kOdd)) : value * 1.5F + 0.1F;
      std::memcpy(content.data() + at, &value, sizeof(value));
    }
    return "a number of " + name;
  }

  std::string swap_target() {
    auto root = nlohmann::json::parse(records_["models/model.json"]);
    auto& nodes = root["graph_module"]["graph"]["nodes"];
    static const std::vector<std::string> kTargets = {
        "aten.add.Tensor",   "aten.sub.Tensor",     "aten.mul.Tensor",        "aten.gelu.default",
        "aten.relu.default", "aten.add_.Tensor",    "aten.sigmoid.default",   "aten.neg.default",
        "aten.silu.default", "aten.detach.default", "aten.rand_like.default", "aten.abs.default",
        "aten.tanh.default"};
    auto& node = nodes[pick(nodes.size())];
    const auto old = node["target"].get<std::string>();
    node["target"] = "torch.ops." + any(kTargets);
    const auto put = node["target"].get<std::string>();
    records_["models/model.json"] = root.dump();
    return old + " to " + put;
  }

  /// Of what is read of a program, not of what is said of it for people.
  std::string edit_json_of(const std::string& name) {
    auto root = nlohmann::json::parse(records_[name]);
    auto* part = &root;
    if (name == "models/model.json" && pick(8) != 0) {
      auto& nodes = root["graph_module"]["graph"]["nodes"];
      auto& node = nodes[pick(nodes.size())];
      part = pick(4) == 0 ? &node["outputs"] : &node["inputs"];
    }
    const auto before = part->dump();
    edit_json(*part, random_);
    const auto after = part->dump();
    records_[name] = root.dump();
    return name + ": " + (before.size() < 600 ? before + " to " + after.substr(0, 600) : "something");
  }

 public:
  bool as_doubles = true;

 private:
  Records& records_;
  std::mt19937 random_;
};

}  // namespace legrad::testing
