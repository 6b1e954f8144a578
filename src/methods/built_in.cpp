#include <legrad/methods.h>

namespace legrad {

Methods built_in_methods() {
  Methods methods;
  methods.add(legrad_row());
  methods.add(grad_cam_row());
  methods.add(attention_cam_row());
  methods.add(raw_attention_row());
  methods.add(rollout_row());
  methods.add(chefer_cam_row());
  methods.add(transformer_attribution_row());
  methods.add(partial_lrp_row());
  methods.add(text_span_row());
  methods.add(attn_lrp_row());
  methods.add(grad_eclip_row());
  methods.add(gem_row());
  return methods;
}

}  // namespace legrad
