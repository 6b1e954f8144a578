// Explains an output's entry with LibTorch alone: tensors in, a map out.
//   explain_tensor vit.pt [IMAGE.npy, float32 1 x 3 x H x W, preprocessed]

#include <ATen/ops/rand.h>
#include <legrad/legrad.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: explain_tensor MODEL_FILE [IMAGE.npy]\n";
    return 2;
  }
  try {
    const auto vit = legrad::Vit::load(argv[1]);
    const auto [height, width] = vit.structure().image->size;
    const at::Tensor image =
        argc == 3 ? legrad::read_npy(argv[2]) : at::rand({1, vit.structure().image->channels, height, width});

    const at::Tensor maps = legrad::legrad(vit, image, {0});  // [1, 1, rows, columns]: class 0

    const at::Tensor map = maps[0][0];
    const auto peak = map.argmax().item<int64_t>();
    std::cout << "map of " << map.size(0) << " x " << map.size(1) << " patches, peak " << map.max().item<double>()
              << " in row " << peak / map.size(1) << ", column " << peak % map.size(1) << '\n';
  } catch (const legrad::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
