#include "eval/data/csv.h"

#include <legrad/error.h>

#include <algorithm>

namespace legrad::eval::data {

std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool quote = line[i] == '"';
    if (quote && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (quote) {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

std::vector<size_t> csv_columns(std::string_view header, const std::vector<std::string>& names) {
  const std::vector<std::string> fields = csv_fields(header);
  std::vector<size_t> columns;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(fields, name);
    if (found == fields.end()) throw InputError("its first line names no column '" + name + "'");
    columns.push_back(static_cast<size_t>(found - fields.begin()));
  }
  return columns;
}

std::optional<LineReader::Line> LineReader::next() {
  constexpr size_t kMaxLine = size_t{1} << 20;
  size_t end = part_.find('\n', at_);
  if (end == std::string::npos) {
    const uint64_t kept = part_.size() - at_;
    begin_ += at_;
    part_.erase(0, at_);
    at_ = 0;
    part_ += file_.read(begin_ + kept, std::min<uint64_t>(kMaxLine, file_.size() - begin_ - kept));
    end = part_.find('\n');
    if (part_.empty()) return std::nullopt;
    if (end == std::string::npos && begin_ + part_.size() < file_.size()) {
      throw InputError("it has a line of more than " + std::to_string(kMaxLine) + " bytes");
    }
  }
  const size_t after = end == std::string::npos ? part_.size() : end + 1;
  Line line = {.text = std::string_view(part_).substr(at_, std::min(end, part_.size()) - at_),
               .begin = begin_ + at_,
               .size = after - at_};
  if (line.text.ends_with('\r')) line.text.remove_suffix(1);
  at_ = after;
  return line;
}

}  // namespace legrad::eval::data
