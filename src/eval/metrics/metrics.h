#pragma once

#include <legrad/eval/metric.h>

#include <cstdint>

// One metric a file. Their formulas, over tensors, are declared in formulas.h.
namespace legrad::eval {

Metric complexity();
Metric energy();
Metric faithfulness();
Metric insertion_deletion();
Metric own_over_other();
Metric p_miou(int64_t classes);
Metric perturbation();
Metric perturbation_blur();
Metric perturbation_mean();
Metric pixel_ap();
Metric pointing(int64_t classes);
Metric randomisation();
Metric segmentation();
Metric sensitivity();

}  // namespace legrad::eval
