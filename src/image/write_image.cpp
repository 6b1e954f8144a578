#include <legrad/error.h>
#include <legrad/image.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string_view>
#include <vector>

#include "image/check_image.h"
#include "io/atomic_file.h"

namespace legrad {
namespace {

/// The file's bytes, or none where OpenCV cannot make them.
std::vector<unsigned char> encoded(const std::string& extension, const cv::Mat& picture) {
  std::vector<unsigned char> bytes;
  try {
    if (extension.empty() || !cv::imencode(extension, picture, bytes)) {
      bytes.clear();
    }
  } catch (const cv::Exception&) {  // thrown for an extension it does not know
    bytes.clear();
  }
  return bytes;
}

}  // namespace

void write_image(const std::filesystem::path& file, const at::Tensor& image) {
  const at::Tensor picture = image::checked_image(image, "write_image");
  const cv::Mat rgb(static_cast<int>(picture.size(0)), static_cast<int>(picture.size(1)), CV_8UC3, picture.data_ptr());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  const std::vector<unsigned char> bytes = encoded(file.extension().string(), bgr);
  if (bytes.empty()) {
    throw InputError("cannot write '" + file.string() + "': no picture format has the extension '" +
                     file.extension().string() + "'; use .png or .jpg");
  }
  io::write_atomically(file, {std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
}

}  // namespace legrad
