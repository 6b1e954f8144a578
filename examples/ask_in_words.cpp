// Draws where a CLIP or SigLIP looks for what you ask, in one forward pass for all prompts.
//   ask_in_words MODEL_FOLDER scene.png out/prefix- "a cat" "a red car"

#include <legrad/image.h>
#include <legrad/legrad.h>
#include <legrad/text.h>

#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: ask_in_words MODEL_FOLDER PICTURE PREFIX PROMPT...\n";
    return 2;
  }
  try {
    const auto bundle = legrad::Bundle::open(argv[1]);
    const std::vector<std::string> prompts(argv + 4, argv + argc);
    const auto words = legrad::TextEncoder::load(bundle).encode(prompts);
    const auto explainer = legrad::Explainer::load(bundle);

    const at::Tensor picture = legrad::read_image(argv[2]);  // [H, W, 3]
    const auto seen =
        explainer.explain(legrad::preprocess(picture, explainer), {.embeddings = words.vectors, .names = prompts});
    const at::Tensor heat = legrad::heat_over(picture, seen.maps[0][0], explainer);  // [K, H, W] in [0, 1]
    for (int64_t k = 0; k < heat.size(0); ++k) {
      const std::string file = argv[3] + std::to_string(k) + ".png";
      legrad::write_image(file, legrad::overlay(picture, heat[k]));
      std::cout << prompts[k] << " (" << seen.scores[0][k].item<double>() << "): " << file << '\n';
    }
  } catch (const legrad::Error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
