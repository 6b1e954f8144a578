#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <legrad/error.h>

#include <charconv>

#include "apps/options/values.h"

namespace legrad::apps {
namespace {

/// How many GPUs there are. The program may be linked with LibTorch's CPU library alone, which runs on every machine;
/// where there is a driver, the GPU library is loaded beside it and announces itself.
int count_gpus() {
  if (dlopen("libcuda.so.1", RTLD_LAZY) == nullptr) {
    return 0;
  }
  dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);  // before the hooks are first asked for: they are looked up once
  const at::CUDAHooksInterface& cuda = at::detail::getCUDAHooks();
  return cuda.hasCUDA() ? static_cast<int>(cuda.deviceCount()) : 0;
}

}  // namespace

c10::Device parse_device(const std::string& text) {
  if (text == "cpu") {
    return {c10::DeviceType::CPU};
  }
  int index = 0;
  bool known = text == "auto" || text == "cuda";
  if (text.starts_with("cuda:") && text.size() > 5) {
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + 5, end, index);
    known = error == std::errc() && rest == end && index >= 0;
  }
  if (!known) {
    throw InputError("--device '" + text + "' is unknown; choose auto, cpu, cuda or cuda:0");
  }
  const int gpus = count_gpus();
  if (text == "auto" && gpus == 0) {
    return {c10::DeviceType::CPU};
  }
  if (index >= gpus) {
    throw InputError("--device '" + text + "': " +
                     (gpus == 0 ? "no GPU that this LibTorch can use was found"
                                : "there are " + std::to_string(gpus) + ", counted from 0") +
                     "; choose cpu or auto");
  }
  return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace legrad::apps
