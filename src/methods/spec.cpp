#include "methods/spec.h"

#include <legrad/error.h>

#include <algorithm>
#include <string_view>

#include "io/words.h"

namespace legrad::methods {
namespace {

bool is_letter(char symbol) { return (symbol >= 'a' && symbol <= 'z') || (symbol >= 'A' && symbol <= 'Z'); }

}  // namespace

Spec take_apart(const std::string& text) {
  const auto words = io::words_between(text, '/');
  Spec spec{words.front(), {}};
  for (size_t i = 1; i < words.size(); ++i) {
    const auto& word = words[i];
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size()) {
      throw InputError("method '" + text + "': '" + word + "' is no option with its value; write " + spec.name +
                       "/KEY=VALUE");
    }
    spec.options.emplace_back(io::trimmed(std::string_view(word).substr(0, equals)),
                              io::trimmed(std::string_view(word).substr(equals + 1)));
  }
  return spec;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> specs;
  for (const auto& item : io::words_between(text, ',')) {
    if (!item.empty() && is_letter(item.front())) {
      specs.push_back(item);
      continue;
    }
    const bool continues = !specs.empty() && specs.back().find('=') != std::string::npos;
    if (!continues) {
      throw InputError("methods '" + text + "': '" + item +
                       "' is no method's name, and no option's value stands before it that it could continue; write "
                       "NAME/KEY=VALUE,NAME");
    }
    specs.back() += "," + item;
  }
  return specs;
}

bool can_be_spelled(const std::string& name) {
  const auto fits = [](char symbol) { return is_letter(symbol) || (symbol >= '0' && symbol <= '9') || symbol == '_'; };
  return !name.empty() && is_letter(name.front()) && std::ranges::all_of(name, fits);
}

bool is_a_group(const std::string& specs) { return specs == "all" || specs == "paper"; }

}  // namespace legrad::methods
