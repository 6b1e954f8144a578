#include "apps/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

namespace legrad::apps {
namespace {

constexpr size_t kOptionColumns = 30;
constexpr size_t kTextColumns = 74;

/// `text` with line ends in place of blanks, so that no line is longer than `columns`.
std::string wrapped(const std::string& text, size_t columns) {
  std::string lines;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const size_t length = end - at;
    if (column > 0 && column + 1 + length > columns) {
      lines += '\n';
      column = 0;
    } else if (column > 0) {
      lines += ' ';
      ++column;
    }
    lines.append(text, at, length);
    column += length;
    at = end + 1;
  }
  return lines;
}

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kOptionColumns); }

  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string& type = option->get_option_text();
    return type.empty() ? "" : " " + type;
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string required = option->get_required() ? " (required)" : "";
    const std::string standard = option->get_default_str().empty() ? "" : " [" + option->get_default_str() + "]";
    return wrapped(option->get_description() + required + standard, kTextColumns);
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace legrad::apps
