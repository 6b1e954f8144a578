// Draws where a model looks when it makes its top prediction.
//   explain_image models/emoji-vit scene.png overlay.png

#include <legrad/image.h>
#include <legrad/legrad.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: explain_image MODEL_FOLDER PICTURE OVERLAY.png\n";
    return 2;
  }
  try {
    const auto bundle = legrad::Bundle::open(argv[1]);
    const auto vit = legrad::Vit::load(bundle.vision, {.input_size = bundle.preprocessing.size});
    const legrad::ImageSize size = vit.structure().image->size;

    const at::Tensor picture = legrad::read_image(argv[2]);                            // [H, W, 3]
    const at::Tensor input = legrad::preprocess(picture, size, bundle.preprocessing);  // [1, 3, h, w]
    const at::Tensor best = vit.forward(input).argmax(/*dim=*/1, /*keepdim=*/true);    // [1, 1]
    const at::Tensor maps = legrad::legrad(vit, input, best);                          // [1, 1, rows, columns]
    const at::Tensor heat = legrad::on_picture(legrad::normalized(maps), {picture.size(0), picture.size(1)}, size,
                                               bundle.preprocessing);  // [1, 1, H, W]
    legrad::write_image(argv[3], legrad::overlay(picture, heat[0][0]));

    const auto index = best.item<int64_t>();
    std::cout << "class " << index;
    if (!bundle.labels.empty()) {
      std::cout << ", " << bundle.labels.at(static_cast<size_t>(index));
    }
    std::cout << ": " << argv[3] << '\n';
  } catch (const legrad::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
