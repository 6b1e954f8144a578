#pragma once

/// Everything of the `legrad::legrad` target: LibTorch and nothing else. Pictures and overlays are in <legrad/image.h>.

#include <legrad/attention.h>
#include <legrad/bundle.h>
#include <legrad/correction.h>
#include <legrad/error.h>
#include <legrad/explain.h>
#include <legrad/explainer.h>
#include <legrad/heatmap.h>
#include <legrad/layers.h>
#include <legrad/method_option.h>
#include <legrad/method_row.h>
#include <legrad/methods.h>
#include <legrad/methods/attention_cam.h>
#include <legrad/methods/attn_lrp.h>
#include <legrad/methods/chefer_cam.h>
#include <legrad/methods/gem.h>
#include <legrad/methods/grad_cam.h>
#include <legrad/methods/grad_eclip.h>
#include <legrad/methods/legrad.h>
#include <legrad/methods/partial_lrp.h>
#include <legrad/methods/raw_attention.h>
#include <legrad/methods/rollout.h>
#include <legrad/methods/text_span.h>
#include <legrad/methods/transformer_attribution.h>
#include <legrad/named_targets.h>
#include <legrad/npy.h>
#include <legrad/patch_map.h>
#include <legrad/rules.h>
#include <legrad/structure.h>
#include <legrad/sweep.h>
#include <legrad/target.h>
#include <legrad/text_tower.h>
#include <legrad/verify.h>
#include <legrad/version.h>
#include <legrad/vit.h>
