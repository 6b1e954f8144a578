#include "graph/ir/allowed_names.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace legrad::graph {
namespace {

// What forwards of vision transformers are made of, in timm, transformers, open_clip and torchvision, and what torch's own
// decompositions make of it, sorted. A new name is one line here, if it
//   - computes its result from its arguments alone and touches nothing else: no file, no network, no random numbers;
//   - checks its arguments, so that no shape, index or number makes it read or write beyond its tensors (`ctc_loss`,
//     `max_unpool2d` and `segment_reduce` do), or has its arguments checked in argument_check.cpp;
//   - takes no more memory than the shapes of its arguments tell (`bincount` and `one_hot` take what the numbers in them tell).
// A form that writes in place, `add_`, goes with the one that does not.
constexpr std::string_view kNames[] = {
    "Bool", "Complex", "ComplexImplicit", "Float", "FloatImplicit", "Int", "IntImplicit", "ScalarImplicit",
    "__and__", "__contains__", "__derive_index", "__getitem__", "__iand__", "__ior__", "__is__", "__isnot__",
    "__lshift__", "__not__", "__or__", "__range_length", "__rshift__", "__xor__", "_adaptive_avg_pool2d",
    "_assert_async", "_assert_scalar", "_assert_tensor_metadata", "_cast_Double", "_cast_Float", "_cast_Half",
    "_cast_Int", "_cast_Long", "_convolution", "_convolution_mode", "_fused_rms_norm", "_is_zerotensor",
    "_local_scalar_dense", "_log_softmax", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
    "_native_multi_head_attention", "_prelu_kernel", "_reshape_alias", "_set_item", "_shape_as_tensor", "_softmax",
    "_to_copy", "_unique2", "_unsafe_index", "_unsafe_view", "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa",
    "_upsample_lanczos2d_aa", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d",
    "abs", "absolute", "acos", "acosh", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "add",
    "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "alias", "alias_copy", "all", "alpha_dropout", "amax", "amin",
    "aminmax", "any", "append", "arange", "argmax", "argmin", "argsort", "argwhere", "asin", "asinh", "atan",
    "atan2", "atanh", "avg_pool1d", "avg_pool2d", "avg_pool3d", "baddbmm", "batch_norm", "bitwise_and",
    "bitwise_not", "bitwise_or", "bitwise_xor", "bmm", "broadcast_tensors", "broadcast_to", "bucketize", "cat",
    "ceil", "celu", "chunk", "clamp", "clamp_max", "clamp_min", "clip", "clone", "concat", "concatenate",
    "constant_pad_nd", "contiguous", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolution", "copy", "copysign", "cos", "cosh", "cosine_similarity", "cummax", "cummin",
    "cumprod", "cumsum", "detach", "diag", "diag_embed", "diagonal", "dict", "diff", "dim", "div", "divide", "dot",
    "dropout", "einsum", "element_size", "elu", "embedding", "empty", "empty_like", "eq", "equal", "erf", "erfc",
    "exp", "exp2", "expand", "expand_as", "expand_copy", "expm1", "extend", "eye", "feature_alpha_dropout",
    "feature_dropout", "fill", "flatten", "flip", "fliplr", "flipud", "float_power", "floor", "floor_divide",
    "floordiv", "fmax", "fmin", "fmod", "format", "frac", "full", "full_like", "gather", "ge", "gelu", "get",
    "get_device", "glu", "greater", "greater_equal", "group_norm", "gt", "hardshrink", "hardsigmoid", "hardswish",
    "hardtanh", "heaviside", "hypot", "im2col", "imag", "index", "index_add", "index_copy", "index_fill",
    "index_put", "index_select", "inner", "instance_norm", "is_autocast_enabled", "is_complex", "is_conj",
    "is_contiguous", "is_floating_point", "is_grad_enabled", "is_inference", "is_neg", "is_nonzero", "is_pinned",
    "is_same_size", "is_signed", "isclose", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "item", "items",
    "keys", "layer_norm", "le", "leaky_relu", "len", "lerp", "less", "less_equal", "lift", "lift_fresh",
    "lift_fresh_copy", "linalg_norm", "linalg_vector_norm", "linear", "linspace", "list", "log", "log10", "log1p",
    "log2", "log_sigmoid", "log_softmax", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor",
    "logit", "logsumexp", "lt", "mH", "mT", "masked_fill", "masked_select", "matmul", "matrix_H", "max",
    "max_pool1d", "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "maximum", "mean", "meshgrid", "min",
    "minimum", "mish", "mm", "moveaxis", "movedim", "mse_loss", "mul", "multiply", "mv", "nan_to_num", "nanmean",
    "nansum", "narrow", "native_batch_norm", "native_dropout", "native_group_norm", "native_layer_norm", "ne",
    "neg", "negative", "new_empty", "new_full", "new_ones", "new_zeros", "nonzero", "nonzero_numpy", "norm",
    "not_equal", "numel", "numpy_T", "ones", "ones_like", "outer", "pad", "pairwise_distance", "permute",
    "permute_copy", "pixel_shuffle", "pixel_unshuffle", "pow", "prelu", "prod", "real", "reciprocal",
    "reflection_pad1d", "reflection_pad2d", "relu", "relu6", "remainder", "repeat", "repeat_interleave",
    "replication_pad1d", "replication_pad2d", "reshape", "reshape_as", "resolve_conj", "resolve_neg", "result_type",
    "rms_norm", "roll", "rot90", "round", "rsqrt", "rsub", "scalar_tensor", "scaled_dot_product_attention",
    "scatter", "scatter_add", "select", "select_copy", "select_scatter", "selu", "sgn", "sigmoid", "sign",
    "signbit", "silu", "sin", "sinc", "sinh", "size", "slice", "slice_copy", "slice_scatter", "softmax", "softplus",
    "softshrink", "sort", "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "sqrt", "square",
    "squeeze", "squeeze_copy", "stack", "std", "std_mean", "storage_offset", "str", "stride", "sub", "subtract",
    "sum", "swapaxes", "swapdims", "sym_constrain_range", "sym_constrain_range_for_size", "sym_numel", "sym_size",
    "sym_stride", "t", "t_copy", "take", "take_along_dim", "tan", "tanh", "tensor", "tensor_split", "tensordot",
    "threshold", "tile", "to", "topk", "transpose", "transpose_copy", "tril", "tril_indices", "triu",
    "triu_indices", "true_divide", "trunc", "type_as", "unbind", "unbind_copy", "unflatten", "unfold",
    "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "unsqueeze", "unsqueeze_copy", "upsample_bicubic2d",
    "upsample_bilinear2d", "upsample_linear1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "upsample_trilinear3d", "values", "var", "var_mean", "view", "view_as", "view_as_complex", "view_as_real",
    "view_copy", "warn", "where", "xlogy", "zero", "zeros", "zeros_like",
};

static_assert(std::is_sorted(std::begin(kNames), std::end(kNames)));

}  // namespace

bool is_allowed_name(std::string_view name) {
  const bool in_place = name.size() > 1 && name.ends_with('_') && !name.ends_with("__");
  if (in_place) name.remove_suffix(1);
  return std::binary_search(std::begin(kNames), std::end(kNames), name);
}

}  // namespace legrad::graph
