#pragma once

/// Which method's maps tell the truth about a model: data sets whose answers are known, metrics, controls, and tables
/// of them with errors. Link `legrad::eval` (which links `legrad::image`); docs/evaluation.md says what is measured.
///
///     auto data = legrad::eval::open_data_set("examples/scenes", "coco");
///     const legrad::eval::Evaluation evaluation(
///         legrad::Explainer::load("models/emoji-vit", {.methods = "legrad,rollout"}), *data);
///     legrad::eval::run(evaluation, *data, {.out = "results"});  // a folder that is there
///     std::cout << table_text(legrad::eval::tabulate(evaluation, "results"));

#include <legrad/eval/classes.h>
#include <legrad/eval/data_set.h>
#include <legrad/eval/evaluation.h>
#include <legrad/eval/metric.h>
#include <legrad/eval/parts.h>
#include <legrad/eval/report.h>
#include <legrad/eval/run.h>
#include <legrad/eval/sample.h>
#include <legrad/eval/table.h>
