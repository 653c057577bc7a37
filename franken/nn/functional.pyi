"""`torch.nn.functional`: every function that the op declarations published for it.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence
from typing import Any, Literal, overload

from franken.core.dtypes import dtype as _dtype
from franken.core.tensor import Tensor as _Tensor
from franken.nn import grad as grad

def adaptive_avg_pool1d(input: _Tensor, output_size: Any) -> _Tensor:
    """Averages over ranges that divide 1 axes into `output_size` parts."""

def adaptive_avg_pool2d(input: _Tensor, output_size: Any) -> _Tensor:
    """Averages over ranges that divide 2 axes into `output_size` parts."""

def adaptive_avg_pool3d(input: _Tensor, output_size: Any) -> _Tensor:
    """Averages over ranges that divide 3 axes into `output_size` parts."""

@overload
def adaptive_max_pool1d(
    input: _Tensor, output_size: Any, return_indices: Literal[False] = False
) -> _Tensor:
    """Maxima over ranges that divide 1 axes into `output_size` parts."""

@overload
def adaptive_max_pool1d(
    input: _Tensor, output_size: Any, *, return_indices: Literal[True]
) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 1 axes into `output_size` parts."""

def adaptive_max_pool1d_with_indices(
    input: _Tensor, output_size: Any, return_indices: _bool = False
) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 1 axes into `output_size` parts, and their indices."""

@overload
def adaptive_max_pool2d(
    input: _Tensor, output_size: Any, return_indices: Literal[False] = False
) -> _Tensor:
    """Maxima over ranges that divide 2 axes into `output_size` parts."""

@overload
def adaptive_max_pool2d(
    input: _Tensor, output_size: Any, *, return_indices: Literal[True]
) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 2 axes into `output_size` parts."""

def adaptive_max_pool2d_with_indices(
    input: _Tensor, output_size: Any, return_indices: _bool = False
) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 2 axes into `output_size` parts, and their indices."""

@overload
def adaptive_max_pool3d(
    input: _Tensor, output_size: Any, return_indices: Literal[False] = False
) -> _Tensor:
    """Maxima over ranges that divide 3 axes into `output_size` parts."""

@overload
def adaptive_max_pool3d(
    input: _Tensor, output_size: Any, *, return_indices: Literal[True]
) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 3 axes into `output_size` parts."""

def adaptive_max_pool3d_with_indices(
    input: _Tensor, output_size: Any, return_indices: _bool = False
) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 3 axes into `output_size` parts, and their indices."""

def affine_grid(theta: _Tensor, size: Any, align_corners: Any = None) -> _Tensor:
    """The sampling grid (N, *S, axes) of affine maps (N, axes, axes + 1) for `size` (N, C, *S)."""

def alpha_dropout(
    input: _Tensor, p: _float = 0.5, training: _bool = False, inplace: _bool = False
) -> _Tensor:
    """Dropout that keeps mean 0 and variance 1 (arXiv 1706.02515)."""

def avg_pool1d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
) -> _Tensor:
    """The average of each window over one axis."""

def avg_pool2d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The average of each window over 2 axes."""

def avg_pool3d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The average of each window over 3 axes."""

def batch_norm(
    input: _Tensor,
    running_mean: _Tensor | None,
    running_var: _Tensor | None,
    weight: Any = None,
    bias: _Tensor | None = None,
    training: _bool = False,
    momentum: _float = 0.1,
    eps: _float = 1e-05,
) -> _Tensor:
    """Standardise channels by the batch's statistics (training) or the running ones."""

def bilinear(
    input1: _Tensor, input2: _Tensor, weight: _Tensor, bias: _Tensor | None = None
) -> _Tensor:
    """input1ᵀ W_k input2 + b_k for every output k; weight is (out, in1, in2)."""

def binary_cross_entropy(
    input: _Tensor,
    target: _Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """-(y log x + (1 - y) log(1 - x)) of probabilities, logarithms bounded by -100."""

def binary_cross_entropy_with_logits(
    input: _Tensor,
    target: _Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    pos_weight: Any = None,
) -> _Tensor:
    """binary_cross_entropy of sigmoid(input) without overflow; `pos_weight` scales positives."""

def celu(input: _Tensor, alpha: _float = 1.0, inplace: _bool = False) -> _Tensor:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (arXiv 1704.07483)."""

def celu_(input: _Tensor, alpha: _float = 1.0) -> _Tensor:
    """In-place form of `celu`."""

def channel_shuffle(input: _Tensor, groups: _int) -> _Tensor:
    """Interleave the channels of `groups` groups."""

def conv1d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: _int | Sequence[_int] | None = 1,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
) -> _Tensor:
    """Cross-correlate a batch (or one example) with filters over 1 axes."""

def conv2d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: _int | Sequence[_int] | None = 1,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
) -> _Tensor:
    """Cross-correlate a batch (or one example) with filters over 2 axes."""

def conv3d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: _int | Sequence[_int] | None = 1,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    groups: _int = 1,
) -> _Tensor:
    """Cross-correlate a batch (or one example) with filters over 3 axes."""

def conv_tbc(input: _Tensor, weight: _Tensor, bias: _Tensor, pad: _int = 0) -> _Tensor:
    """Convolve (time, batch, channels) with weights (time, channels in, channels out)."""

def conv_transpose1d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: _int | Sequence[_int] | None = 1,
    padding: Any = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
) -> _Tensor:
    """Apply the transpose of a convolution over 1 axes."""

def conv_transpose2d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: _int | Sequence[_int] | None = 1,
    padding: Any = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
) -> _Tensor:
    """Apply the transpose of a convolution over 2 axes."""

def conv_transpose3d(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None = None,
    stride: _int | Sequence[_int] | None = 1,
    padding: Any = 0,
    output_padding: _int | Sequence[_int] = 0,
    groups: _int = 1,
    dilation: _int | Sequence[_int] = 1,
) -> _Tensor:
    """Apply the transpose of a convolution over 3 axes."""

def cosine_embedding_loss(
    input1: _Tensor,
    input2: _Tensor,
    target: _Tensor,
    margin: _float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """1 - cos(x, y) where the target is 1, max(0, cos(x, y) - margin) where it is -1."""

def cosine_similarity(x1: _Tensor, x2: _Tensor, dim: _int = 1, eps: _float = 1e-08) -> _Tensor:
    """The cosine of the angle between vectors along a dimension, norms bounded below by eps."""

def cross_entropy(
    input: _Tensor,
    target: _Tensor,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: _int = -100,
    reduce: Any = None,
    reduction: _str = "mean",
    label_smoothing: _float = 0.0,
) -> _Tensor:
    """Cross-entropy of scores (C,), (N, C) or (N, C, ...) with class indices or probabilities."""

def ctc_loss(
    log_probs: _Tensor,
    targets: _Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: _int = 0,
    reduction: _str = "mean",
    zero_infinity: _bool = False,
) -> _Tensor:
    """-log of the probability of label sequences under (T, N, C) or (T, C) log-probabilities."""

def dropout(
    input: _Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False
) -> _Tensor:
    """Zero elements with probability p and scale the others by 1 / (1 - p) (arXiv 1207.0580)."""

def dropout1d(
    input: _Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False
) -> _Tensor:
    """Zero whole channels of (N, C, L) or (C, L) with probability p."""

def dropout2d(
    input: _Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False
) -> _Tensor:
    """Zero whole channels of (N, C, H, W) with probability p; (N, C, L) is taken as such."""

def dropout3d(
    input: _Tensor, p: _float = 0.5, training: _bool = True, inplace: _bool = False
) -> _Tensor:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability p."""

def elu(input: _Tensor, alpha: _float = 1.0, inplace: _bool = False) -> _Tensor:
    """x where it is positive, else alpha (exp(x) - 1) (arXiv 1511.07289)."""

def elu_(input: _Tensor, alpha: _float = 1.0, inplace: _bool = False) -> _Tensor:
    """In-place form of `elu`."""

def embedding(
    input: _Tensor,
    weight: _Tensor,
    padding_idx: Any = None,
    max_norm: Any = None,
    norm_type: _float = 2.0,
    scale_grad_by_freq: _bool = False,
    sparse: _bool = False,
) -> _Tensor:
    """Rows of a table: (*) and (V, D) give (*, D). If `sparse`, the table's gradient is so."""

def embedding_bag(
    input: _Tensor,
    weight: _Tensor,
    offsets: Any = None,
    max_norm: Any = None,
    norm_type: _float = 2,
    scale_grad_by_freq: _bool = False,
    mode: _str = "mean",
    sparse: _bool = False,
    per_sample_weights: Any = None,
    include_last_offset: _bool = False,
    padding_idx: Any = None,
) -> _Tensor:
    """Sums, means or maxima of rows over bags: (B, n), or (N,) with offsets (B,), to (B, D)."""

def feature_alpha_dropout(
    input: _Tensor, p: _float = 0.5, training: _bool = False, inplace: _bool = False
) -> _Tensor:
    """alpha_dropout of whole channels (dimension 1)."""

def fold(
    input: _Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> _Tensor:
    """Add columns (N, C * taps, windows) into an image (N, C, *output_size)."""

@overload
def fractional_max_pool2d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: Literal[False] = False,
    _random_samples: Any = None,
) -> _Tensor:
    """Maxima over pseudorandom windows on 2 axes."""

@overload
def fractional_max_pool2d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    output_size: Any = None,
    output_ratio: Any = None,
    *,
    return_indices: Literal[True],
    _random_samples: Any = None,
) -> tuple[_Tensor, _Tensor]:
    """Maxima over pseudorandom windows on 2 axes."""

def fractional_max_pool2d_with_indices(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: _bool = False,
    _random_samples: Any = None,
) -> tuple[_Tensor, _Tensor]:
    """Maxima over pseudorandom windows on 2 axes, and their indices."""

@overload
def fractional_max_pool3d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: Literal[False] = False,
    _random_samples: Any = None,
) -> _Tensor:
    """Maxima over pseudorandom windows on 3 axes."""

@overload
def fractional_max_pool3d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    output_size: Any = None,
    output_ratio: Any = None,
    *,
    return_indices: Literal[True],
    _random_samples: Any = None,
) -> tuple[_Tensor, _Tensor]:
    """Maxima over pseudorandom windows on 3 axes."""

def fractional_max_pool3d_with_indices(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: _bool = False,
    _random_samples: Any = None,
) -> tuple[_Tensor, _Tensor]:
    """Maxima over pseudorandom windows on 3 axes, and their indices."""

def gaussian_nll_loss(
    input: _Tensor,
    target: _Tensor,
    var: Any,
    full: _bool = False,
    eps: _float = 1e-06,
    reduction: _str = "mean",
) -> _Tensor:
    """(log v + (x - y)^2 / v) / 2 with v = max(var, eps), flat where eps is larger."""

def gelu(input: _Tensor, *, approximate: _str = "none", out: _Tensor | None = None) -> _Tensor:
    """x times the normal distribution function of x, or its "tanh" form (arXiv 1606.08415)."""

def glu(input: _Tensor, dim: _int = -1) -> _Tensor:
    """The first half along a dimension times the sigmoid of the second (arXiv 1612.08083)."""

def grid_sample(
    input: _Tensor,
    grid: _Tensor,
    mode: _str = "bilinear",
    padding_mode: _str = "zeros",
    align_corners: Any = None,
) -> _Tensor:
    """Read (N, C, *S) at the places of a grid (N, *O, axes) in -1..1, last axis first."""

def group_norm(
    input: _Tensor, num_groups: _int, weight: Any = None, bias: Any = None, eps: _float = 1e-05
) -> _Tensor:
    """Standardise each of `num_groups` groups of channels, then scale and shift by channel."""

def gumbel_softmax(
    logits: _Tensor, tau: _float = 1, hard: _bool = False, eps: _float = 1e-10, dim: _int = -1
) -> _Tensor:
    """Softmax of the logits with Gumbel noise (arXiv 1611.00712); one-hot forward if `hard`."""

def hardshrink(input: _Tensor, lambd: _float = 0.5, *, out: _Tensor | None = None) -> _Tensor:
    """x outside of [-lambd, lambd], else 0."""

def hardsigmoid(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """x / 6 + 1 / 2, clipped to [0, 1]."""

def hardswish(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """x times hardsigmoid(x) (arXiv 1905.02244)."""

def hardtanh(
    input: _Tensor, min_val: _float = -1.0, max_val: _float = 1.0, inplace: _bool = False
) -> _Tensor:
    """Each element clipped to [min_val, max_val]."""

def hardtanh_(
    input: _Tensor, min_val: _float = -1.0, max_val: _float = 1.0, inplace: _bool = False
) -> _Tensor:
    """In-place form of `hardtanh`."""

def hinge_embedding_loss(
    input: _Tensor,
    target: _Tensor,
    margin: _float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""

def huber_loss(
    input: _Tensor,
    target: _Tensor,
    reduction: _str = "mean",
    delta: _float = 1.0,
    weight: Any = None,
) -> _Tensor:
    """(x - y)^2 / 2 where |x - y| <= delta, else delta (|x - y| - delta / 2)."""

def instance_norm(
    input: _Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: _bool = True,
    momentum: _float = 0.1,
    eps: _float = 1e-05,
) -> _Tensor:
    """Standardise each channel of each example, then scale and shift by channel."""

def interpolate(
    input: _Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: _str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: _bool = False,
) -> _Tensor:
    """Resample (N, C, *S) to `size`, or by `scale_factor`; modes are torch's."""

def kl_div(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    log_target: _bool = False,
) -> _Tensor:
    """y (log y - x) of log-probabilities x; "batchmean" divides the sum by dimension 0."""

def l1_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    weight: Any = None,
) -> _Tensor:
    """|x - y|."""

def layer_norm(
    input: _Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: _float = 1e-05
) -> _Tensor:
    """Standardise over the last dimensions (`normalized_shape`), then scale and shift."""

def leaky_relu(input: _Tensor, negative_slope: _float = 0.01, inplace: _bool = False) -> _Tensor:
    """x where it is positive, else negative_slope x."""

def leaky_relu_(input: _Tensor, negative_slope: _float = 0.01, inplace: _bool = False) -> _Tensor:
    """In-place form of `leaky_relu`."""

def linear(
    input: _Tensor, weight: _Tensor, bias: _Tensor | None = None, *, out: _Tensor | None = None
) -> _Tensor:
    """input @ weightᵀ + bias; weight is (out, in) or (in,)."""

def linear_cross_entropy(
    input: _Tensor,
    linear_weight: _Tensor,
    target: _Tensor,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: _str = "mean",
    ignore_index: Any = None,
    label_smoothing: _float = 0.0,
    options: Any = None,
) -> _Tensor:
    """cross_entropy of linear(input), (N, D) by (C, D); `options` would only save memory."""

def local_response_norm(
    input: _Tensor, size: _int, alpha: _float = 0.0001, beta: _float = 0.75, k: _float = 1.0
) -> _Tensor:
    """x / (k + alpha * mean of the squares of `size` neighbouring channels) ** beta."""

def log_softmax(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    _stacklevel: _int = 3,
    dtype: _dtype | None = None,
) -> _Tensor:
    """Log-softmax along a dimension; `dim` should be given."""

def logsigmoid(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """log(1 / (1 + exp(-x))) without overflow."""

def lp_pool1d(
    input: _Tensor,
    norm_type: Any,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    ceil_mode: _bool = False,
) -> _Tensor:
    """(sum of x^p over each window)^(1/p), windows over 1 axes."""

def lp_pool2d(
    input: _Tensor,
    norm_type: Any,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    ceil_mode: _bool = False,
) -> _Tensor:
    """(sum of x^p over each window)^(1/p), windows over 2 axes."""

def lp_pool3d(
    input: _Tensor,
    norm_type: Any,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    ceil_mode: _bool = False,
) -> _Tensor:
    """(sum of x^p over each window)^(1/p), windows over 3 axes."""

def margin_ranking_loss(
    input1: _Tensor,
    input2: _Tensor,
    target: _Tensor,
    margin: _float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """max(0, margin - target (x - y))."""

@overload
def max_pool1d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: Literal[False] = False,
) -> _Tensor:
    """The largest element of each window over 1 axes."""

@overload
def max_pool1d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[_Tensor, _Tensor]:
    """The largest element of each window over 1 axes."""

def max_pool1d_with_indices(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> tuple[_Tensor, _Tensor]:
    """Windows' largest elements, and their indices in their planes."""

@overload
def max_pool2d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: Literal[False] = False,
) -> _Tensor:
    """The largest element of each window over 2 axes."""

@overload
def max_pool2d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[_Tensor, _Tensor]:
    """The largest element of each window over 2 axes."""

def max_pool2d_with_indices(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> tuple[_Tensor, _Tensor]:
    """Windows' largest elements, and their indices in their planes."""

@overload
def max_pool3d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: Literal[False] = False,
) -> _Tensor:
    """The largest element of each window over 3 axes."""

@overload
def max_pool3d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[_Tensor, _Tensor]:
    """The largest element of each window over 3 axes."""

def max_pool3d_with_indices(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
    return_indices: _bool = False,
) -> tuple[_Tensor, _Tensor]:
    """Windows' largest elements, and their indices in their planes."""

def max_unpool1d(
    input: _Tensor,
    indices: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    output_size: Any = None,
) -> _Tensor:
    """Put pooled values back at their indices among zeros, over 1 axes."""

def max_unpool2d(
    input: _Tensor,
    indices: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    output_size: Any = None,
) -> _Tensor:
    """Put pooled values back at their indices among zeros, over 2 axes."""

def max_unpool3d(
    input: _Tensor,
    indices: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    output_size: Any = None,
) -> _Tensor:
    """Put pooled values back at their indices among zeros, over 3 axes."""

def mish(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """x tanh(softplus(x)) (arXiv 1908.08681)."""

def mse_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    weight: Any = None,
) -> _Tensor:
    """(x - y)^2."""

def multi_head_attention_forward(
    query: _Tensor,
    key: _Tensor,
    value: _Tensor,
    embed_dim_to_check: _int,
    num_heads: _int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: _bool,
    dropout_p: _float,
    out_proj_weight: _Tensor,
    out_proj_bias: Any,
    training: _bool = True,
    key_padding_mask: Any = None,
    need_weights: _bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: _bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: _bool = True,
    is_causal: _bool = False,
) -> tuple[_Tensor, Any]:
    """(attention (L, N, E), weights (N, L, S) or None) of several heads; masks hide where true."""

def multi_margin_loss(
    input: _Tensor,
    target: _Tensor,
    p: _int = 1,
    margin: _float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """sum over classes i but t of max(0, margin - x[t] + x[i])^p, divided by the class count."""

def multilabel_margin_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """sum over labels j and other classes i of max(0, 1 - x[j] + x[i]), by the class count."""

def multilabel_soft_margin_loss(
    input: _Tensor,
    target: _Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """The mean over classes (the last dimension) of binary cross-entropies of sigmoid(x)."""

def native_channel_shuffle(input: _Tensor, groups: _int) -> _Tensor:
    """Interleave the channels of `groups` groups."""

def nll_loss(
    input: _Tensor,
    target: _Tensor,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: _int = -100,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """Negative log-probability of each class index, of (C,), (N, C) or (N, C, ...)."""

def normalize(
    input: _Tensor,
    p: _float = 2.0,
    dim: _int | Sequence[_int] | None = 1,
    eps: _float = 1e-12,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Divide by the p-norm along a dimension, or by eps where that is less."""

def one_hot(tensor: _Tensor, num_classes: _int = -1) -> _Tensor:
    """Integers as rows of zeros with a one at their place; shape (*, classes)."""

def pad(input: _Tensor, pad: Any, mode: _str = "constant", value: Any = None) -> _Tensor:
    """Pad the last dimensions; mode is constant, reflect, replicate or circular."""

def pairwise_distance(
    x1: _Tensor, x2: _Tensor, p: _float = 2.0, eps: _float = 1e-06, keepdim: _bool = False
) -> _Tensor:
    """The norm of order p of x1 - x2 + eps along the last dimension."""

def pdist(input: _Tensor, p: _float = 2) -> _Tensor:
    """Norms of order p of the differences of rows i < j of a matrix, in one row."""

def pixel_shuffle(input: _Tensor, upscale_factor: _int) -> _Tensor:
    """Spread r*r channels over r x r pixels: (*, C r^2, H, W) to (*, C, H r, W r)."""

def pixel_unshuffle(input: _Tensor, downscale_factor: _int) -> _Tensor:
    """Gather r x r pixels into channels: (*, C, H r, W r) to (*, C r^2, H, W)."""

def poisson_nll_loss(
    input: _Tensor,
    target: _Tensor,
    log_input: _bool = True,
    full: _bool = False,
    size_average: Any = None,
    eps: _float = 1e-08,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """exp(x) - y x, or x - y log(x + eps) unless `log_input`; `full` adds Stirling's term."""

def prelu(input: _Tensor, weight: _Tensor) -> _Tensor:
    """x where it is positive, else weight x; one weight, or one a channel (dimension 1)."""

def relu(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """Each element, or 0 where that is larger."""

def relu6(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """Each element clipped to [0, 6]."""

def relu_(input: _Tensor) -> Any:
    """In-place form of `relu`."""

def rms_norm(input: _Tensor, normalized_shape: Any, weight: Any = None, eps: Any = None) -> _Tensor:
    """Divide by the root mean square over the last dimensions, then scale."""

def rrelu(
    input: _Tensor,
    lower: _float = 0.125,
    upper: _float = 0.3333333333333333,
    training: _bool = False,
    inplace: _bool = False,
) -> _Tensor:
    """leaky_relu with slopes drawn from [lower, upper) in training, else their mean."""

def rrelu_(
    input: _Tensor,
    lower: _float = 0.125,
    upper: _float = 0.3333333333333333,
    training: _bool = False,
    generator: Any = None,
) -> _Tensor:
    """In-place form of `rrelu`."""

def scaled_dot_product_attention(
    query: _Tensor,
    key: _Tensor,
    value: _Tensor,
    attn_mask: Any = None,
    dropout_p: _float = 0.0,
    is_causal: _bool = False,
    scale: Any = None,
    enable_gqa: _bool = False,
) -> _Tensor:
    """softmax(query key' scale + mask) value, over (..., L, E), (..., S, E), (..., S, V)."""

def selu(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (arXiv 1706.02515)."""

def selu_(input: _Tensor) -> _Tensor:
    """In-place form of `selu`."""

def sigmoid(input: _Tensor) -> _Tensor:
    """1 / (1 + exp(-x))."""

def silu(input: _Tensor, inplace: _bool = False) -> _Tensor:
    """x sigmoid(x), also called swish (arXiv 1606.08415, 1710.05941)."""

def smooth_l1_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
    beta: _float = 1.0,
) -> _Tensor:
    """(x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2 (arXiv 1504.08083)."""

def soft_margin_loss(
    input: _Tensor,
    target: _Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """log(1 + exp(-target x))."""

def softmax(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    _stacklevel: _int = 3,
    dtype: _dtype | None = None,
) -> _Tensor:
    """Softmax along a dimension; `dim` should be given."""

def softmin(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    _stacklevel: _int = 3,
    dtype: _dtype | None = None,
) -> _Tensor:
    """Softmax of -x."""

def softplus(
    input: _Tensor, beta: _float = 1, threshold: _float = 20, *, out: _Tensor | None = None
) -> _Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds the threshold."""

def softshrink(input: _Tensor, lambd: _float = 0.5, *, out: _Tensor | None = None) -> _Tensor:
    """x moved towards 0 by lambd, 0 within [-lambd, lambd]."""

def softsign(input: _Tensor) -> _Tensor:
    """x / (1 + |x|)."""

def tanh(input: _Tensor) -> _Tensor:
    """The hyperbolic tangent."""

def tanhshrink(input: _Tensor) -> _Tensor:
    """x - tanh(x)."""

def threshold(input: _Tensor, threshold: _float, value: _float, inplace: _bool = False) -> _Tensor:
    """x where it exceeds the threshold, else `value`."""

def threshold_(input: _Tensor, threshold: _float, value: _float) -> _Tensor:
    """In-place form of `threshold`."""

def triplet_margin_loss(
    anchor: _Tensor,
    positive: _Tensor,
    negative: _Tensor,
    margin: _float = 1.0,
    p: _float = 2,
    eps: _float = 1e-06,
    swap: _bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: _str = "mean",
) -> _Tensor:
    """max(0, |a - p| - |a - n| + margin) by norms of order p."""

def triplet_margin_with_distance_loss(
    anchor: _Tensor,
    positive: _Tensor,
    negative: _Tensor,
    *,
    distance_function: Any = None,
    margin: _float = 1.0,
    swap: _bool = False,
    reduction: _str = "mean",
) -> _Tensor:
    """triplet_margin_loss with any distance."""

def unfold(
    input: _Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> _Tensor:
    """The windows of (N, C, H, W) as columns (N, C * taps, windows)."""

def upsample(
    input: _Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: _str = "nearest",
    align_corners: Any = None,
) -> _Tensor:
    """`interpolate` under its former name."""

def upsample_bilinear(input: _Tensor, size: Any = None, scale_factor: Any = None) -> _Tensor:
    """`interpolate` in bilinear mode with corners aligned."""

def upsample_nearest(input: _Tensor, size: Any = None, scale_factor: Any = None) -> _Tensor:
    """`interpolate` in nearest mode."""
