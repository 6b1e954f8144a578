#include <ATen/ops/empty.h>
#include <legrad/error.h>
#include <legrad/image.h>

#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string>

#include "image/picture_header.h"
#include "io/read_file.h"

namespace legrad {
namespace {

constexpr uint64_t kMaxPixels = uint64_t{1} << 27;
constexpr uint64_t kMaxSide = uint64_t{1} << 20;  // OpenCV's own bound
constexpr uint64_t kMaxFile = uint64_t{1} << 30;  // 2^27 pixels of four 16-bit channels

/// OpenCV writes warnings to stderr; what is wrong is in our exception.
class QuietOpenCv {
 public:
  QuietOpenCv() : previous_(cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT)) {}
  QuietOpenCv(const QuietOpenCv&) = delete;
  QuietOpenCv& operator=(const QuietOpenCv&) = delete;
  ~QuietOpenCv() { cv::utils::logging::setLogLevel(previous_); }

 private:
  cv::utils::logging::LogLevel previous_;
};

image::PictureHeader checked_header(const std::string& bytes) {
  if (bytes.empty()) {
    throw InputError("the file is empty");
  }
  const std::optional<image::PictureHeader> header = image::read_picture_header(bytes);
  if (!header) {
    throw InputError("it is no PNG, JPEG, WebP, BMP, TIFF or PNM file; convert it to one");
  }
  const std::string size = std::to_string(header->width) + " x " + std::to_string(header->height);
  if (header->width == 0 || header->height == 0) {
    throw InputError("its header is damaged, or says that it has no pixels (" + size + ")");
  }
  if (header->width > kMaxSide || header->height > kMaxSide || header->width * header->height > kMaxPixels) {
    throw InputError("it has " + size + " pixels, more than the " + std::to_string(kMaxPixels) +
                     " that are read; make it smaller");
  }
  if (!header->complete) {
    throw InputError("the file is damaged: it ends too early");
  }
  return *header;
}

/// The pixels as they are stored, 8 bits each.
cv::Mat decoded(const std::string& bytes) {
  const QuietOpenCv quiet;
  // In OpenCV's words a row of bytes; it is only read.
  const cv::Mat file(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
  cv::Mat picture;
  try {
    picture = cv::imdecode(file, cv::IMREAD_UNCHANGED);
  } catch (const cv::Exception&) {
    picture.release();
  }
  if (picture.empty()) {
    throw InputError("the file is damaged: it cannot be decoded");
  }
  if (picture.depth() == CV_16U) {
    picture.convertTo(picture, CV_8U, 1.0 / 257);
  }
  const int channels = picture.channels();
  if (picture.depth() != CV_8U || (channels != 1 && channels != 3 && channels != 4)) {
    throw InputError("its pixels are neither grey nor RGB(A) of 8 or 16 bits; convert it to an 8-bit PNG");
  }
  return picture;
}

/// Turns stored pixels the way EXIF says they are looked at.
cv::Mat turned(const cv::Mat& picture, int orientation) {
  constexpr int kUpsideDown = 0;  // flip codes of OpenCV
  constexpr int kMirrored = 1;
  constexpr int kBoth = -1;
  cv::Mat result = picture;
  if (image::on_its_side(orientation)) {
    cv::transpose(picture, result);
  }
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(result, result, kMirrored);
      break;
    case 3:
    case 7:
      cv::flip(result, result, kBoth);
      break;
    case 4:
    case 8:
      cv::flip(result, result, kUpsideDown);
      break;
    default:
      break;
  }
  return result;
}

void lay_over_white(const cv::Mat& bgra, cv::Mat& rgb) {
  for (int y = 0; y < bgra.rows; ++y) {
    const auto* from = bgra.ptr<cv::Vec4b>(y);
    auto* to = rgb.ptr<cv::Vec3b>(y);
    for (int x = 0; x < bgra.cols; ++x) {
      const int alpha = from[x][3];
      for (int channel = 0; channel < 3; ++channel) {
        const int value = from[x][2 - channel] * alpha + 255 * (255 - alpha);
        to[x][channel] = static_cast<uint8_t>((value + 127) / 255);
      }
    }
  }
}

at::Tensor to_rgb_tensor(const cv::Mat& picture) {
  at::Tensor image = at::empty({picture.rows, picture.cols, 3}, at::TensorOptions(at::kByte));
  cv::Mat rgb(picture.rows, picture.cols, CV_8UC3, image.data_ptr());
  if (picture.channels() == 4) {
    lay_over_white(picture, rgb);
  } else {
    cv::cvtColor(picture, rgb, picture.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
  }
  return image;
}

/// What `read` makes of a picture file's bytes and header; what it throws says which file.
template <class Read>
auto with_header(const std::filesystem::path& file, const Read& read) {
  const std::string bytes = io::read_file(file, kMaxFile, "picture");
  try {
    return read(bytes, checked_header(bytes));
  } catch (const InputError& error) {
    throw InputError("cannot read picture '" + file.string() + "': " + error.what());
  }
}

}  // namespace

at::Tensor read_image(const std::filesystem::path& file) {
  return with_header(file, [](const std::string& bytes, const image::PictureHeader& header) {
    return to_rgb_tensor(turned(decoded(bytes), header.orientation));
  });
}

ImageSize image_size(const std::filesystem::path& file) {
  return with_header(file, [](const std::string&, const image::PictureHeader& header) {
    const ImageSize stored = {static_cast<int64_t>(header.height), static_cast<int64_t>(header.width)};
    return image::on_its_side(header.orientation) ? ImageSize{stored.width, stored.height} : stored;
  });
}

}  // namespace legrad
