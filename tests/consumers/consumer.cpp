// The smallest program of somebody else: it includes everything, calls into the compiled part, and links OpenCV beside
// LibTorch where legrad::image is there.

#include <ATen/ops/linspace.h>
#include <ATen/ops/zeros.h>
#include <legrad/legrad.h>
#ifdef WITH_IMAGE
#include <legrad/image.h>
#endif
#ifdef WITH_TEXT
#include <legrad/text.h>
#endif

#include <iostream>

int main() {
  const auto heat = legrad::resized(legrad::normalized(at::linspace(-3, 5, 4).view({2, 2})), {8, 8});
  if (heat.sizes() != at::IntArrayRef({8, 8})) return 1;
#ifdef WITH_IMAGE
  const auto painted = legrad::overlay(at::zeros({8, 8, 3}, at::kByte), heat);
  if (painted.sizes() != at::IntArrayRef({8, 8, 3})) return 1;
#endif
#ifdef WITH_TEXT
  if (legrad::clean_text("A", {.clean = {}, .lower = legrad::LowerCase::kPython}) != "a") return 1;
#endif
  std::cout << "legrad " << LEGRAD_VERSION << " works\n";
}
