#include "explainer/embeddings.h"

#include <ATen/ops/isfinite.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>

namespace legrad::explainer {

at::Tensor checked_embeddings(const std::string& what, const at::Tensor& embeddings, int64_t width) {
  const bool one = embeddings.dim() == 1;
  const bool fits = (one || embeddings.dim() == 2) && embeddings.numel() > 0 && embeddings.size(-1) == width;
  if (!fits || !at::isFloatingType(embeddings.scalar_type())) {
    throw InputError(c10::str(what, " of ", embeddings.scalar_type(), " and shape ", embeddings.sizes(),
                              "; expected floating-point numbers of shape [", width, "] or [K, ", width,
                              "], the width of the model's output"));
  }
  if (!at::isfinite(embeddings).all().item<bool>()) {
    throw InputError(what + " with NaN or infinite numbers; make them again", Reason::kNotFinite);
  }
  return one ? embeddings.unsqueeze(0) : embeddings;
}

}  // namespace legrad::explainer
