#pragma once

#include <legrad/eval/data_set.h>
#include <legrad/eval/evaluation.h>

#include <string>
#include <utility>
#include <vector>

namespace legrad::eval {

/// All that a number of an evaluation depends on, so what must be the same when a run goes on: one line of JSON.
std::string settings_of(const Evaluation& evaluation, const DataSet& data,
                        const std::vector<std::pair<std::string, std::string>>& told);

}  // namespace legrad::eval
