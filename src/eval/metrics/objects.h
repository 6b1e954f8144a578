#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/metric.h>

#include <cstddef>
#include <vector>

namespace legrad::eval {

/// The values of `pixels` [H, W] that the data says something of, in row order [n]: all where nothing is unlabelled.
at::Tensor labelled(const Case& seen, const at::Tensor& pixels);

/// The questions with an object: a mask that has a labelled pixel.
std::vector<size_t> objects(const Case& seen);

/// {Σ formula(heat [n], mask [n]), number} over the objects of a picture, their labelled pixels in row order; empty
/// where there is no object.
std::vector<double> sum_over_objects(const Case& seen, const Maps& maps,
                                     double (*formula)(const at::Tensor& heat, const at::Tensor& mask));

}  // namespace legrad::eval
