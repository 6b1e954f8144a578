#include "eval/picture_log.h"

#include <fcntl.h>
#include <legrad/error.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace legrad::eval {
namespace {

using nlohmann::json;

// Counts of many classes are nearly all zero: only the others are written.
json packed(const std::vector<double>& counts) {
  constexpr size_t kWide = 64;
  if (counts.size() <= kWide) return counts;
  json entries = json::array();
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] != 0) entries.push_back({i, counts[i]});
  }
  return {{"width", counts.size()}, {"at", std::move(entries)}};
}

std::vector<double> unpacked(const json& packed) {
  if (packed.is_array()) return packed.get<std::vector<double>>();
  std::vector<double> counts(packed.at("width").get<size_t>());
  for (const json& entry : packed.at("at")) counts.at(entry.at(0).get<size_t>()) = entry.at(1).get<double>();
  return counts;
}

json to_json(const Counted& counted) {
  json line = {{"id", counted.id}};
  if (!counted.left_out.empty()) {
    line["left_out"] = counted.left_out;
    return line;
  }
  json& subjects = line["counts"] = json::array();
  for (const auto& metrics : counted.counts) {
    json& row = subjects.emplace_back(json::array());
    for (const auto& counts : metrics) row.push_back(packed(counts));
  }
  if (counted.layers) {
    line["layers"] = {
        {"asked", counted.layers->asked}, {"share", counted.layers->share}, {"prefix", counted.layers->prefix}};
  }
  return line;
}

Counted from_json(const json& line) {
  Counted counted{line.at("id").get<std::string>(), line.value("left_out", std::string()), {}};
  if (!counted.left_out.empty()) return counted;
  for (const json& metrics : line.at("counts")) {
    auto& row = counted.counts.emplace_back();
    for (const json& counts : metrics) row.push_back(unpacked(counts));
  }
  if (line.contains("layers")) {
    const json& layers = line.at("layers");
    counted.layers = Layers{layers.at("asked").get<std::string>(), layers.at("share").get<std::vector<double>>(),
                            layers.at("prefix").get<std::vector<double>>()};
  }
  return counted;
}

std::string dumped(const json& line) { return line.dump(-1, ' ', false, json::error_handler_t::replace); }

/// Which of the settings do, in brackets.
std::string which_differ(const std::string& one, const std::string& other) {
  const json a = json::parse(one, nullptr, /*allow_exceptions=*/false);
  const json b = json::parse(other);
  if (!a.is_object()) return "";
  json both = a;
  both.update(b);
  std::string names;
  for (const auto& [name, value] : both.items()) {
    if (a.value(name, json()) != b.value(name, json())) names += (names.empty() ? "" : ", ") + name;
  }
  return " (" + names + ")";
}

}  // namespace

PictureLog::PictureLog(const std::filesystem::path& file, const std::string& settings, bool resume) : file_(file) {
  std::error_code error;
  const bool there = std::filesystem::exists(file, error);
  if (there && !resume) {
    throw InputError("'" + file.string() +
                     "' is there already; go on with it by --resume, or give another folder, so that nothing is lost");
  }
  lock();
  if (there) go_on(settings);
  stream_.open(file, std::ios::binary | std::ios::app);
  if (!there) stream_ << settings << '\n' << std::flush;
  if (!stream_) throw InputError("cannot write to '" + file.string() + "'");
}

void PictureLog::lock() {
  const int file = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) throw InputError("cannot write to '" + file_.string() + "'");
  locked_ = std::shared_ptr<void>(nullptr, [file](void* /*none*/) { close(file); });
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    throw InputError("another run writes '" + file_.string() + "'; wait for it, or give another folder");
  }
}

void PictureLog::go_on(const std::string& settings) {
  std::ifstream old(file_, std::ios::binary);
  uintmax_t whole = 0;
  int64_t lines = 0;
  for (std::string line; std::getline(old, line) && !old.eof(); ++lines) {
    if (lines == 0 && line != settings) {
      throw InputError("'" + file_.string() + "' was made with other settings" + which_differ(line, settings) +
                       "; give another folder, or the same options");
    }
    whole += line.size() + 1;
  }
  old.close();
  std::filesystem::resize_file(file_, whole);  // a line that a killed run did not finish
  if (lines == 0) {
    std::ofstream(file_, std::ios::binary | std::ios::app) << settings << '\n';
    lines = 1;
  }
  size_ = lines - 1;
}

void PictureLog::add(const Counted& counted) {
  stream_ << dumped(to_json(counted)) << '\n' << std::flush;
  if (!stream_) throw InputError("cannot write to '" + file_.string() + "'; is the disk full?");
  ++size_;
}

void read_picture_log(const std::filesystem::path& file, const std::function<void(const std::string& settings)>& begin,
                      const std::function<void(const Counted&)>& use) {
  std::ifstream stream(file, std::ios::binary);
  std::string line;
  if (!std::getline(stream, line)) throw InputError("'" + file.string() + "' holds no evaluation");
  begin(line);
  while (std::getline(stream, line)) {
    try {
      use(from_json(json::parse(line)));
    } catch (const json::exception&) {
      throw InputError("'" + file.string() + "' is damaged; give another folder");
    }
  }
}

}  // namespace legrad::eval
