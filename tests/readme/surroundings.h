#pragma once

// What statements in the README may use without saying where it comes from. They are compiled, not linked.

#include <ATen/ATen.h>
#include <legrad/legrad.h>
#ifdef LEGRAD_README_WITH_IMAGE
#include <legrad/image.h>
#endif

#include <iostream>

extern const legrad::Vit vit;
extern const at::Tensor images, maps, heat;  // [B, 3, H, W], [B, K, rows, columns], [B, K, H, W]
extern const int64_t H, W;
