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
    const auto explainer = legrad::Explainer::load(argv[1]);

    const at::Tensor picture = legrad::read_image(argv[2]);                             // [H, W, 3]
    const auto seen = explainer.explain(legrad::preprocess(picture, explainer));        // of its best prediction
    const at::Tensor heat = legrad::heat_over(picture, seen.maps[0][0][0], explainer);  // [H, W] in [0, 1]
    legrad::write_image(argv[3], legrad::overlay(picture, heat));

    std::cout << seen.names[0][0] << ": " << argv[3] << '\n';
  } catch (const legrad::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
