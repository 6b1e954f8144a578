// A method of somebody else's own beside the library's: own_method MODEL.

#include <ATen/ops/rand.h>
#include <legrad/legrad.h>

#include <iostream>

#include "guided_rules.h"
#include "hires_cam.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto vit = legrad::Vit::load(argv[1]);
  const auto& input = vit.structure().image->size;
  const auto images = at::rand({1, 3, input.height, input.width});

  auto methods = legrad::built_in_methods();
  methods.add(hires_cam_row());
  const auto chosen = methods.choose("legrad,hires_cam/block=-2,hires_cam/block=0");
  const auto [output, maps] = legrad::explain(vit, images, {1, 2}, chosen);

  const auto& grid = vit.structure().image->grid;
  for (const auto& map : maps) {
    if (map.sizes() != at::IntArrayRef({1, 2, grid.rows, grid.columns})) return 1;
    if (map.min().item<float>() < 0 || map.max().item<float>() <= 0) return 1;
  }
  if (!maps[0].allclose(legrad::legrad(vit, images, {1, 2}))) return 1;
  if (!maps[1].allclose(legrad::explain(vit, images, {1, 2}, {methods.get("hires_cam")}).maps[0])) return 1;
  if (maps[1].allclose(maps[2])) return 1;
  if (methods.names().back() != "hires_cam" || legrad::built_in_methods().names().back() == "hires_cam") return 1;

  const auto plain = legrad::grad_cam_method();
  const auto by = legrad::explain(
      vit, images, {1}, {plain, legrad::by_rules(plain, legrad::vjp_rules()), legrad::by_rules(plain, guided_rules())});
  if (!by.maps[1].allclose(by.maps[0], 1e-3, 1e-6) || by.maps[2].allclose(by.maps[0], 1e-3, 1e-6)) return 1;
  if (!by.maps[2].equal(legrad::grad_cam(vit.by_rules(guided_rules()), images, {1}))) return 1;
  std::cout << "hires_cam works beside legrad\n";
}
