#pragma once

#include <legrad/eval/data_set.h>
#include <legrad/eval/evaluation.h>
#include <legrad/eval/table.h>

#include <cstdint>
#include <string>
#include <vector>

namespace legrad::eval {

/// The first `count` pictures of a data set that can be read and show a class that the model knows.
std::vector<GalleryPicture> gallery(const Evaluation& evaluation, DataSet& data, int64_t count);

/// One HTML page with all in it: tables that can be sorted, with bars of errors; curves; the gallery; the settings. It
/// loads nothing from elsewhere, and what comes from data or model stands in it as text alone.
std::string report_html(const Table& table, const std::vector<GalleryPicture>& pictures);

}  // namespace legrad::eval
