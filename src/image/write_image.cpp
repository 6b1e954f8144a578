#include <legrad/error.h>
#include <legrad/image.h>

#include "image/check_image.h"
#include "image/encode.h"
#include "io/atomic_file.h"

namespace legrad {

void write_image(const std::filesystem::path& file, const at::Tensor& image) {
  const at::Tensor picture = image::checked_image(image, "write_image");
  const std::string bytes = image::encoded(file.extension().string(), picture);
  if (bytes.empty()) {
    throw InputError("cannot write '" + file.string() + "': no picture format has the extension '" +
                     file.extension().string() + "'; use .png or .jpg");
  }
  io::write_atomically(file, {bytes});
}

}  // namespace legrad
