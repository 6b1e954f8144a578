#include "support/accelerator.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/transformers/attention.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <string_view>
#include <tuple>
#include <vector>

namespace legrad::testing {
namespace {

constexpr auto kDevice = c10::DeviceType::PrivateUse1;

struct Counters {
  std::atomic<int64_t> reads = 0;
  std::atomic<int64_t> copies = 0;
  std::atomic<int64_t> bytes = 0;
  std::atomic<int64_t> launches = 0;
};

Counters& counters() {
  static Counters all;
  return all;
}

void count_copy(const at::Tensor& from) {
  ++counters().copies;
  counters().bytes += static_cast<int64_t>(from.nbytes());
}

bool here(const at::Tensor& tensor) { return tensor.defined() && tensor.device().type() == kDevice; }
bool on_cpu(const at::Tensor& tensor) { return tensor.defined() && tensor.is_cpu(); }

// The device's addresses are the host's with one bit turned, which makes them addresses that no program can read.
void* turned(void* address) {
  constexpr uintptr_t kBit = uintptr_t{1} << 62;
  return address ? reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) ^ kBit) : nullptr;
}

// The memory of `storage` as memory of `device`, kept alive by the result.
c10::Storage seen_from(const c10::Storage& storage, c10::Device device) {
  const auto release = [](void* kept) { delete static_cast<c10::Storage*>(kept); };
  c10::DataPtr pointer(turned(storage.data_ptr().get()), new c10::Storage(storage), release, device);
  return {c10::Storage::use_byte_size_t{}, storage.nbytes(), std::move(pointer), c10::GetAllocator(c10::kCPU),
          /*resizable=*/true};
}

at::Tensor shaped_as(const at::Tensor& like, c10::Storage storage, c10::DispatchKey key) {
  auto made = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), like.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  return made;
}

at::Tensor on_host(const at::Tensor& tensor) {
  if (!here(tensor)) return tensor;
  return shaped_as(tensor, seen_from(tensor.storage(), c10::kCPU), c10::DispatchKey::CPU);
}

at::Tensor on_device(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  return shaped_as(tensor, seen_from(tensor.storage(), {kDevice, 0}), c10::DispatchKey::PrivateUse1);
}

/// Whether a value is a list of tensors of which some may be missing. (`isOptionalTensorList` asks whether its type is
/// the very object that LibTorch's own lists have.)
bool is_optional_tensors(const c10::IValue& value) {
  return value.isList() && !value.isTensorList() && *value.toList().elementType() == *c10::OptionalType::ofTensor();
}

/// One call of an operator whose kernel is the CPU's.
class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack& stack) : op_(op), schema_(op.schema()), stack_(stack) {}

  void run() {
    const size_t arguments = schema_.arguments().size();
    const size_t first = stack_.size() - arguments;
    for (size_t i = 0; i < arguments; ++i) visit(stack_[first + i]);
    check_devices();
    for (size_t i = 0; i < arguments; ++i) move_to_host(stack_[first + i]);
    {
      const at::AutoDispatchBelowADInplaceOrView kernels_only;
      op_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack_);
    }
    for (size_t i = 0; i < schema_.returns().size(); ++i) move_back(stack_[first + i]);
    count();
  }

 private:
  bool is(std::string_view name) const { return schema_.name() == name; }
  bool indexes() const {
    return schema_.name().find("index") != std::string::npos && schema_.name() != "aten::index_select";
  }

  void visit(const c10::IValue& value) {
    const auto note = [&](const at::Tensor& tensor, bool in_list) {
      here_ = here_ || here(tensor);
      if (on_cpu(tensor)) foreign_.emplace_back(tensor, in_list);
    };
    if (value.isTensor()) note(value.toTensor(), false);
    if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) note(tensor, true);
    }
    if (is_optional_tensors(value)) {
      for (const c10::IValue& one : value.toListRef()) {
        if (one.isNone()) continue;
        const at::Tensor& tensor = one.toTensor();
        note(tensor, true);
        masks_ = masks_ || tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte;
      }
    }
  }

  // As CUDA: a number from the CPU may take part where elements are computed one by one, indices are fetched, the rest
  // is refused.
  void check_devices() const {
    if (!here_) return;
    for (const auto& [tensor, in_list] : foreign_) {
      if (in_list && indexes()) {
        count_copy(tensor);
        continue;
      }
      const bool number = tensor.dim() == 0 && !in_list;
      const bool elementwise = op_.hasTag(at::Tag::pointwise) || is("aten::fill_") || is("aten::where") || indexes();
      TORCH_CHECK(number && elementwise, "Expected all tensors to be on the same device, but ", schema_.name(),
                  " was given one on the CPU and one on the stand-in");
    }
  }

  at::Tensor moved(const at::Tensor& tensor) {
    if (!here(tensor)) return tensor;
    moved_.emplace_back(tensor, on_host(tensor));
    return moved_.back().second;
  }

  void move_to_host(c10::IValue& value) {
    if (value.isTensor()) {
      value = moved(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(moved(tensor));
      value = std::move(list);
    } else if (is_optional_tensors(value)) {
      c10::List<std::optional<at::Tensor>> list;
      for (const c10::IValue& one : value.toListRef()) {
        list.push_back(one.isNone() ? std::nullopt : std::optional(moved(one.toTensor())));
      }
      value = std::move(list);
    } else if (value.isDevice() && value.toDevice().type() == kDevice) {
      value = c10::Device(c10::kCPU);
    }
  }

  // An argument that was written into, which may have given it another size.
  static at::Tensor reshaped(const at::Tensor& device, const at::Tensor& host) {
    auto* impl = device.unsafeGetTensorImpl();
    if (turned(host.storage().data_ptr().get()) != device.storage().data_ptr().get()) {
      impl->set_storage_keep_dtype(seen_from(host.storage(), {kDevice, 0}));
    }
    if (device.sizes() != host.sizes() || device.strides() != host.strides()) {
      impl->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
    }
    return device;
  }

  // An argument itself, a view of one, or new.
  at::Tensor back(const at::Tensor& result) const {
    if (!result.defined()) return result;
    for (const auto& [device, host] : moved_) {
      if (result.is_same(host)) return reshaped(device, host);
      if (result.storage().unsafeGetStorageImpl() == host.storage().unsafeGetStorageImpl()) {
        return shaped_as(result, device.storage(), c10::DispatchKey::PrivateUse1);
      }
    }
    return on_device(result);
  }

  void move_back(c10::IValue& value) {
    if (value.isTensor()) {
      value = back(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(back(tensor));
      value = std::move(list);
    } else {
      ++counters().reads;
    }
  }

  void count() const {
    const bool makes_memory = schema_.name().starts_with("aten::empty");
    const bool view = std::ranges::any_of(
        schema_.returns(), [](const auto& result) { return result.alias_info() && !result.alias_info()->isWrite(); });
    if (!makes_memory && !view && !is("aten::view") && !is("aten::_reshape_alias")) ++counters().launches;
    const bool size_from_contents = op_.hasTag(at::Tag::dynamic_output_shape) && (masks_ || !indexes());
    if (size_from_contents) ++counters().reads;
  }

  const c10::OperatorHandle& op_;
  const c10::FunctionSchema& schema_;
  torch::jit::Stack& stack_;
  bool here_ = false;
  bool masks_ = false;
  std::vector<std::pair<at::Tensor, bool>> foreign_;      // of the CPU, and whether it came in a list
  std::vector<std::pair<at::Tensor, at::Tensor>> moved_;  // an argument on the device, and the same seen from the host
};

void compute(const c10::OperatorHandle& op, torch::jit::Stack* stack) { Call(op, *stack).run(); }

void convolve(const c10::OperatorHandle& /*op*/, torch::jit::Stack* stack) {
  static const auto convolution = c10::Dispatcher::singleton().findSchemaOrThrow("aten::convolution", "");
  Call(convolution, *stack).run();
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool /*non_blocking*/) {
  if (!here(from)) {
    count_copy(from);
  } else if (!here(to)) {
    ++counters().reads;
  } else {
    ++counters().launches;
  }
  const at::AutoDispatchBelowADInplaceOrView kernels_only;
  on_host(to).copy_(on_host(from));
  return to;
}

at::Scalar read_number(const at::Tensor& tensor) {
  ++counters().reads;
  return at::_local_scalar_dense(on_host(tensor));
}

// Weights are moved to a device in place, which LibTorch allows between the CPU and the accelerators it knows by name.
bool may_take_the_place(const at::Tensor& /*self*/, const at::Tensor& /*from*/) { return true; }

// Attention without an N×N where the CPU has such a kernel, as accelerators have.
int64_t choose_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                         const std::optional<at::Tensor>& mask, double dropout, bool causal,
                         std::optional<double> scale, bool grouped) {
  const at::AutoDispatchBelowADInplaceOrView kernels_only;
  const auto chosen =
      at::_fused_sdp_choice(on_host(query), on_host(key), on_host(value),
                            mask ? std::optional(on_host(*mask)) : std::nullopt, dropout, causal, scale, grouped);
  const bool fused = chosen == static_cast<int64_t>(at::SDPBackend::flash_attention);
  return static_cast<int64_t>(fused ? at::SDPBackend::overrideable : at::SDPBackend::math);
}

std::optional<at::Tensor> host_mask(const std::optional<at::Tensor>& mask) {
  return mask && mask->defined() ? std::optional(on_host(*mask)) : std::nullopt;
}

using Attended = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, c10::SymInt, c10::SymInt, at::Tensor,
                            at::Tensor, at::Tensor>;

Attended attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                   const std::optional<at::Tensor>& mask, double dropout, bool causal, bool /*debug*/,
                   std::optional<double> scale) {
  ++counters().launches;
  const at::AutoDispatchBelowADInplaceOrView kernels_only;
  const auto [output, sums] = at::_scaled_dot_product_flash_attention_for_cpu(
      on_host(query), on_host(key), on_host(value), dropout, causal, host_mask(mask), scale);
  return {on_device(output), on_device(sums), {}, {}, query.size(2), key.size(2), {}, {}, {}};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& gradient, const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
    const at::Tensor& mask, std::array<bool, 4> /*wanted*/, const at::Tensor& output, const at::Tensor& sums,
    const at::Tensor& /*cum_seq_q*/, const at::Tensor& /*cum_seq_k*/, c10::SymInt /*max_q*/, c10::SymInt /*max_k*/,
    double dropout, bool causal, const at::Tensor& /*philox_seed*/, const at::Tensor& /*philox_offset*/,
    std::optional<double> scale) {
  ++counters().launches;
  const at::AutoDispatchBelowADInplaceOrView kernels_only;
  const auto [of_query, of_key, of_value] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      on_host(gradient), on_host(query), on_host(key), on_host(value), on_host(output), on_host(sums), dropout, causal,
      host_mask(mask), scale);
  return {on_device(of_query), on_device(of_key), on_device(of_value), {}};
}

/// One stream, on which everything is done when the call returns, so events have nothing to wait for.
struct Guard : c10::impl::NoOpDeviceGuardImpl<kDevice> {
  c10::Device getDevice() const override { return {kDevice, 0}; }
  c10::Device exchangeDevice(c10::Device /*device*/) const override { return getDevice(); }
  c10::Stream getStream(c10::Device /*device*/) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, c10::Device(kDevice, 0));
  }
  c10::Stream getNewStream(c10::Device device, int /*priority*/) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override { return getStream(stream.device()); }
  void record(void** /*event*/, const c10::Stream& /*stream*/, c10::DeviceIndex /*device*/,
              c10::EventFlag /*flag*/) const override {}
  void block(void* /*event*/, const c10::Stream& /*stream*/) const override {}
  bool queryEvent(void* /*event*/) const override { return true; }
  void synchronizeEvent(void* /*event*/) const override {}
  bool queryStream(const c10::Stream& /*stream*/) const override { return true; }
  void synchronizeStream(const c10::Stream& /*stream*/) const override {}
};

/// What autograd asks of an accelerator before it starts a thread for it.
struct Hooks : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex /*device*/) const override { return true; }
};

/// LibTorch keeps these as long as the program runs.
struct Registration {
  Hooks hooks;
  Guard guard;
  c10::impl::DeviceGuardImplRegistrar registrar{kDevice, &guard};
  torch::Library everything{torch::Library::IMPL, "_", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__};
  torch::Library casting{torch::Library::IMPL, "_", c10::DispatchKey::AutocastPrivateUse1, __FILE__, __LINE__};
  torch::Library kernels{torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__};
  torch::Library above{torch::Library::IMPL, "aten", c10::DispatchKey::AutogradPrivateUse1, __FILE__, __LINE__};

  Registration() {
    c10::register_privateuse1_backend("standin");
    at::RegisterPrivateUse1HooksInterface(&hooks);
    const auto boxed = [] { return torch::CppFunction::makeFromBoxedFunction<&compute>(); };
    everything.fallback(boxed());
    casting.fallback(torch::CppFunction::makeFallthrough());  // autocast casts nothing here
    // One kernel on every device, though LibTorch has another way for devices it does not know.
    for (const char* name : {"convolution", "convolution_backward", "native_layer_norm", "native_group_norm"}) {
      kernels.impl(name, boxed());
    }
    kernels.impl("convolution_overrideable", torch::CppFunction::makeFromBoxedFunction<&convolve>());
    kernels.impl("_copy_from", copy_from);
    kernels.impl("_local_scalar_dense", read_number);
    kernels.impl("_has_compatible_shallow_copy_type", may_take_the_place);
    above.impl("_has_compatible_shallow_copy_type", may_take_the_place);
    kernels.impl("_scaled_dot_product_fused_attention_overrideable", attention);
    kernels.impl("_scaled_dot_product_fused_attention_overrideable_backward", attention_backward);
    at::native::_fused_sdp_choice_stub.set_privateuse1_dispatch_ptr(&choose_attention);
  }
};

}  // namespace

c10::Device stand_in() {
  static const auto* const registered = new Registration;
  (void)registered;
  return {kDevice, 0};
}

Traffic traffic() {
  const auto& now = counters();
  return {now.reads, now.copies, now.bytes, now.launches};
}

Traffic operator-(const Traffic& after, const Traffic& before) {
  return {after.reads - before.reads, after.copies - before.copies, after.bytes - before.bytes,
          after.launches - before.launches};
}

}  // namespace legrad::testing
