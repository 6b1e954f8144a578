#pragma once

#include <legrad/eval/metric.h>

#include <cstdint>

namespace legrad::eval {

/// FunnyBirds' protocols (Hesse, Schaub-Meyer and Roth 2023, section 4), for data with pictures without single parts:
/// `csdc`, `pc`, `dc` and `distractibility`, all at the threshold that is best for the four together, `sd` and `ts`;
/// and of the model alone, `accuracy` and `background_independence`. Published protocols are followed in every detail,
/// so that numbers compare.
///
/// An explanation is a method's raw map, enlarged to the picture by the nearest neighbour; its sign counts. The model's
/// classes must be the data's, `classes` in number, in the same order, and it must see the whole of each picture;
/// `measure` throws `InputError` otherwise. Each measured picture costs up to 19 runs of the model, one more for each
/// object in the background, and explanations for two more classes.
Metric co12(int64_t classes);

}  // namespace legrad::eval
