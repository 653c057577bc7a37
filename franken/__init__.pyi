"""franken: `import franken as torch`, with deterministic, explained, replayable gradients.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import complex as _complex
from builtins import float as _float
from builtins import int as _int
from builtins import object as _object
from builtins import str as _str
from builtins import type as _type
from collections.abc import Sequence
from typing import Any, Literal, overload

from numpy import bool_ as _bool_
from numpy import number as _number

from franken import _utils as _utils
from franken import autograd as autograd
from franken import backends as backends
from franken import cuda as cuda
from franken import distributions as distributions
from franken import fft as fft
from franken import func as func
from franken import linalg as linalg
from franken import masked as masked
from franken import nn as nn
from franken import optim as optim
from franken import random as random
from franken import return_types as return_types
from franken import serialization as serialization
from franken import signal as signal
from franken import sparse as sparse
from franken import special as special
from franken import storage as storage
from franken import testing as testing
from franken import utils as utils
from franken import version as version
from franken.autograd.anomaly import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from franken.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
from franken.autograd.anomaly import set_anomaly_enabled as set_anomaly_enabled
from franken.autograd.grad_mode import enable_grad as enable_grad
from franken.autograd.grad_mode import inference_mode as inference_mode
from franken.autograd.grad_mode import is_grad_enabled as is_grad_enabled
from franken.autograd.grad_mode import is_inference_mode_enabled as is_inference_mode_enabled
from franken.autograd.grad_mode import no_grad as no_grad
from franken.autograd.grad_mode import set_grad_enabled as set_grad_enabled
from franken.core.device import device as _device
from franken.core.device import device as device
from franken.core.dtypes import dtype as _dtype
from franken.core.dtypes import dtype as dtype
from franken.core.dtypes import finfo as finfo
from franken.core.dtypes import get_default_dtype as get_default_dtype
from franken.core.dtypes import iinfo as iinfo
from franken.core.dtypes import set_default_dtype as set_default_dtype
from franken.core.errors import OutOfMemoryError as OutOfMemoryError
from franken.core.geometry.layout import layout as _layout
from franken.core.geometry.layout import layout as layout
from franken.core.geometry.layout import memory_format as _memory_format
from franken.core.geometry.layout import memory_format as memory_format
from franken.core.geometry.layout import qscheme as qscheme
from franken.core.geometry.size import Size as Size
from franken.core.geometry.size import Size as _Size
from franken.core.tensor import Tensor as Tensor
from franken.core.tensor import Tensor as _Tensor
from franken.faces import overrides as overrides
from franken.faces.around import accelerator as accelerator
from franken.faces.around import amp as amp
from franken.faces.around import compiler as compiler
from franken.faces.around import cpu as cpu
from franken.faces.around import distributed as distributed
from franken.faces.around import export as export
from franken.faces.around import futures as futures
from franken.faces.around import fx as fx
from franken.faces.around import hub as hub
from franken.faces.around import jit as jit
from franken.faces.around import mps as mps
from franken.faces.around import mtia as mtia
from franken.faces.around import multiprocessing as multiprocessing
from franken.faces.around import onnx as onnx
from franken.faces.around import profiler as profiler
from franken.faces.around import torch_version as torch_version
from franken.faces.around import types as types
from franken.faces.around import xpu as xpu
from franken.faces.around.amp import GradScaler as GradScaler
from franken.faces.around.amp import autocast as autocast
from franken.faces.around.amp import autocast_decrement_nesting as autocast_decrement_nesting
from franken.faces.around.amp import autocast_increment_nesting as autocast_increment_nesting
from franken.faces.around.amp import clear_autocast_cache as clear_autocast_cache
from franken.faces.around.amp import get_autocast_cpu_dtype as get_autocast_cpu_dtype
from franken.faces.around.amp import get_autocast_dtype as get_autocast_dtype
from franken.faces.around.amp import get_autocast_gpu_dtype as get_autocast_gpu_dtype
from franken.faces.around.amp import is_autocast_cache_enabled as is_autocast_cache_enabled
from franken.faces.around.amp import is_autocast_cpu_enabled as is_autocast_cpu_enabled
from franken.faces.around.amp import is_autocast_enabled as is_autocast_enabled
from franken.faces.around.amp import set_autocast_cache_enabled as set_autocast_cache_enabled
from franken.faces.around.amp import set_autocast_dtype as set_autocast_dtype
from franken.faces.around.amp import set_autocast_enabled as set_autocast_enabled
from franken.faces.around.compiler import compile as compile
from franken.faces.checkpoints.loading import load as load
from franken.faces.checkpoints.saving import save as save
from franken.faces.hook import install as install
from franken.faces.hook import uninstall as uninstall
from franken.faces.symbols import sym_float as sym_float
from franken.faces.symbols import sym_int as sym_int
from franken.faces.symbols import sym_ite as sym_ite
from franken.faces.symbols import sym_max as sym_max
from franken.faces.symbols import sym_min as sym_min
from franken.faces.symbols import sym_not as sym_not
from franken.faces.symbols import sym_sum as sym_sum
from franken.ops.sampling.generator import Generator as Generator
from franken.ops.sampling.generator import Generator as _Generator
from franken.ops.surface.storage import UntypedStorage as UntypedStorage
from franken.ops.surface.typed_storage import TypedStorage as TypedStorage
from franken.transforms.api import vmap as vmap

BFloat16Storage: _type[_Tensor]
BFloat16Tensor: _type[_Tensor]
BoolStorage: _type[_Tensor]
BoolTensor: _type[_Tensor]
ByteStorage: _type[_Tensor]
ByteTensor: _type[_Tensor]
CharStorage: _type[_Tensor]
CharTensor: _type[_Tensor]
ComplexDoubleStorage: _type[_Tensor]
ComplexDoubleTensor: _type[_Tensor]
ComplexFloatStorage: _type[_Tensor]
ComplexFloatTensor: _type[_Tensor]
DoubleStorage: _type[_Tensor]
DoubleTensor: _type[_Tensor]
FloatStorage: _type[_Tensor]
FloatTensor: _type[_Tensor]
HalfStorage: _type[_Tensor]
HalfTensor: _type[_Tensor]
IntStorage: _type[_Tensor]
IntTensor: _type[_Tensor]
LongStorage: _type[_Tensor]
LongTensor: _type[_Tensor]
QInt32Storage: _type[_Tensor]
QInt8Storage: _type[_Tensor]
QUInt2x4Storage: _type[_Tensor]
QUInt4x2Storage: _type[_Tensor]
QUInt8Storage: _type[_Tensor]
ShortStorage: _type[_Tensor]
ShortTensor: _type[_Tensor]
Storage: _type[_Tensor]
SymBool: _type[_Tensor]
SymFloat: _type[_Tensor]
SymInt: _type[_Tensor]
__version__: _str

def _amp_foreach_non_finite_check_and_unscale_(
    self: Any, found_inf: _Tensor, inv_scale: _Tensor
) -> None:
    """Multiply each tensor of a list, and note in `found_inf` whether one held no number."""

def _chunk_cat(tensors: Any, dim: _int, num_chunks: _int, *, out: _Tensor | None = None) -> _Tensor:
    """Chunk each tensor (padded with zeros) along `dim`, then join the chunks' flat remainders."""

_collects: _bool

def _conj(input: _Tensor) -> _Tensor:
    """The complex conjugate, a view of the same memory; RuntimeError if it is real."""

def _conj_copy(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> Any:
    """A copy of what `_conj` would show."""

def _conj_physical(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The complex conjugate; the tensor itself if it is real."""

def _conj_physical_(input: _Tensor) -> _Tensor:
    """In-place form of `conj_physical`."""

def _dirichlet_grad(x: _Tensor, alpha: _Tensor, total: _Tensor) -> _Tensor:
    """The derivative by alpha of Beta(alpha, total - alpha) variates x, over 1 - x."""

def _foreach_abs(self: Any) -> tuple[_Tensor, ...]:
    """`abs` of each tensor of a list."""

def _foreach_abs_(self: Any) -> tuple[_Tensor, ...]:
    """`abs_` of each tensor of a list."""

def _foreach_acos(self: Any) -> tuple[_Tensor, ...]:
    """`acos` of each tensor of a list."""

def _foreach_acos_(self: Any) -> tuple[_Tensor, ...]:
    """`acos_` of each tensor of a list."""

def _foreach_add(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`add` of each tensor of a list."""

def _foreach_add_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`add_` of each tensor of a list."""

def _foreach_addcdiv(
    self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`addcdiv` of each tensor of a list."""

def _foreach_addcdiv_(
    self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`addcdiv_` of each tensor of a list."""

def _foreach_addcmul(
    self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`addcmul` of each tensor of a list."""

def _foreach_addcmul_(
    self: Any, tensor1: Any, tensor2: Any, value: Any = 1, *, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`addcmul_` of each tensor of a list."""

def _foreach_asin(self: Any) -> tuple[_Tensor, ...]:
    """`asin` of each tensor of a list."""

def _foreach_asin_(self: Any) -> tuple[_Tensor, ...]:
    """`asin_` of each tensor of a list."""

def _foreach_atan(self: Any) -> tuple[_Tensor, ...]:
    """`atan` of each tensor of a list."""

def _foreach_atan_(self: Any) -> tuple[_Tensor, ...]:
    """`atan_` of each tensor of a list."""

def _foreach_ceil(self: Any) -> tuple[_Tensor, ...]:
    """`ceil` of each tensor of a list."""

def _foreach_ceil_(self: Any) -> tuple[_Tensor, ...]:
    """`ceil_` of each tensor of a list."""

def _foreach_clamp_max(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`clamp_max` of each tensor of a list."""

def _foreach_clamp_max_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`clamp_max_` of each tensor of a list."""

def _foreach_clamp_min(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`clamp_min` of each tensor of a list."""

def _foreach_clamp_min_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`clamp_min_` of each tensor of a list."""

def _foreach_clone(
    self: Any, *, memory_format: _memory_format | None = None
) -> tuple[_Tensor, ...]:
    """A copy of each tensor of a list."""

def _foreach_copy_(self: Any, src: Any, non_blocking: _bool = False) -> Any:
    """Copy each tensor of a list into that of another."""

def _foreach_cos(self: Any) -> tuple[_Tensor, ...]:
    """`cos` of each tensor of a list."""

def _foreach_cos_(self: Any) -> tuple[_Tensor, ...]:
    """`cos_` of each tensor of a list."""

def _foreach_cosh(self: Any) -> tuple[_Tensor, ...]:
    """`cosh` of each tensor of a list."""

def _foreach_cosh_(self: Any) -> tuple[_Tensor, ...]:
    """`cosh_` of each tensor of a list."""

def _foreach_div(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`div` of each tensor of a list."""

def _foreach_div_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`div_` of each tensor of a list."""

def _foreach_erf(self: Any) -> tuple[_Tensor, ...]:
    """`erf` of each tensor of a list."""

def _foreach_erf_(self: Any) -> tuple[_Tensor, ...]:
    """`erf_` of each tensor of a list."""

def _foreach_erfc(self: Any) -> tuple[_Tensor, ...]:
    """`erfc` of each tensor of a list."""

def _foreach_erfc_(self: Any) -> tuple[_Tensor, ...]:
    """`erfc_` of each tensor of a list."""

def _foreach_exp(self: Any) -> tuple[_Tensor, ...]:
    """`exp` of each tensor of a list."""

def _foreach_exp_(self: Any) -> tuple[_Tensor, ...]:
    """`exp_` of each tensor of a list."""

def _foreach_expm1(self: Any) -> tuple[_Tensor, ...]:
    """`expm1` of each tensor of a list."""

def _foreach_expm1_(self: Any) -> tuple[_Tensor, ...]:
    """`expm1_` of each tensor of a list."""

def _foreach_floor(self: Any) -> tuple[_Tensor, ...]:
    """`floor` of each tensor of a list."""

def _foreach_floor_(self: Any) -> tuple[_Tensor, ...]:
    """`floor_` of each tensor of a list."""

def _foreach_frac(self: Any) -> tuple[_Tensor, ...]:
    """`frac` of each tensor of a list."""

def _foreach_frac_(self: Any) -> tuple[_Tensor, ...]:
    """`frac_` of each tensor of a list."""

def _foreach_lerp(
    self: Any, tensors1: Any, weight: Any = None, *, weights: Any = None
) -> tuple[_Tensor, ...]:
    """`lerp` of each tensor of a list."""

def _foreach_lerp_(
    self: Any, tensors1: Any, weight: Any = None, *, weights: Any = None
) -> tuple[_Tensor, ...]:
    """`lerp_` of each tensor of a list."""

def _foreach_lgamma(self: Any) -> tuple[_Tensor, ...]:
    """`lgamma` of each tensor of a list."""

def _foreach_lgamma_(self: Any) -> tuple[_Tensor, ...]:
    """`lgamma_` of each tensor of a list."""

def _foreach_log(self: Any) -> tuple[_Tensor, ...]:
    """`log` of each tensor of a list."""

def _foreach_log10(self: Any) -> tuple[_Tensor, ...]:
    """`log10` of each tensor of a list."""

def _foreach_log10_(self: Any) -> tuple[_Tensor, ...]:
    """`log10_` of each tensor of a list."""

def _foreach_log1p(self: Any) -> tuple[_Tensor, ...]:
    """`log1p` of each tensor of a list."""

def _foreach_log1p_(self: Any) -> tuple[_Tensor, ...]:
    """`log1p_` of each tensor of a list."""

def _foreach_log2(self: Any) -> tuple[_Tensor, ...]:
    """`log2` of each tensor of a list."""

def _foreach_log2_(self: Any) -> tuple[_Tensor, ...]:
    """`log2_` of each tensor of a list."""

def _foreach_log_(self: Any) -> tuple[_Tensor, ...]:
    """`log_` of each tensor of a list."""

def _foreach_max(self: Any) -> tuple[_Tensor, ...]:
    """`max` of each tensor of a list."""

def _foreach_maximum(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`maximum` of each tensor of a list."""

def _foreach_maximum_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`maximum_` of each tensor of a list."""

def _foreach_minimum(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`minimum` of each tensor of a list."""

def _foreach_minimum_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`minimum_` of each tensor of a list."""

def _foreach_mm(self: Any, mat2: Any) -> tuple[_Tensor, ...]:
    """The products of the matrices of two lists."""

def _foreach_mul(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`mul` of each tensor of a list."""

def _foreach_mul_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`mul_` of each tensor of a list."""

def _foreach_neg(self: Any) -> tuple[_Tensor, ...]:
    """`neg` of each tensor of a list."""

def _foreach_neg_(self: Any) -> tuple[_Tensor, ...]:
    """`neg_` of each tensor of a list."""

def _foreach_norm(self: Any, ord: Any = 2, dtype: _dtype | None = None) -> tuple[_Tensor, ...]:
    """The vector norm of each tensor of a list."""

def _foreach_pow(self: Any, exponent: Any) -> tuple[_Tensor, ...]:
    """`pow` of each tensor of a list."""

def _foreach_pow_(self: Any, exponent: Any) -> tuple[_Tensor, ...]:
    """`pow_` of each tensor of a list."""

def _foreach_powsum(self: Any, ord: Any = 2, dtype: _dtype | None = None) -> tuple[_Tensor, ...]:
    """The sum of the powers of the magnitudes of each tensor of a list."""

def _foreach_reciprocal(self: Any) -> tuple[_Tensor, ...]:
    """`reciprocal` of each tensor of a list."""

def _foreach_reciprocal_(self: Any) -> tuple[_Tensor, ...]:
    """`reciprocal_` of each tensor of a list."""

def _foreach_round(self: Any) -> tuple[_Tensor, ...]:
    """`round` of each tensor of a list."""

def _foreach_round_(self: Any) -> tuple[_Tensor, ...]:
    """`round_` of each tensor of a list."""

def _foreach_rsqrt(self: Any) -> tuple[_Tensor, ...]:
    """`rsqrt` of each tensor of a list."""

def _foreach_rsqrt_(self: Any) -> tuple[_Tensor, ...]:
    """`rsqrt_` of each tensor of a list."""

def _foreach_sigmoid(self: Any) -> tuple[_Tensor, ...]:
    """`sigmoid` of each tensor of a list."""

def _foreach_sigmoid_(self: Any) -> tuple[_Tensor, ...]:
    """`sigmoid_` of each tensor of a list."""

def _foreach_sign(self: Any) -> tuple[_Tensor, ...]:
    """`sign` of each tensor of a list."""

def _foreach_sign_(self: Any) -> tuple[_Tensor, ...]:
    """`sign_` of each tensor of a list."""

def _foreach_sin(self: Any) -> tuple[_Tensor, ...]:
    """`sin` of each tensor of a list."""

def _foreach_sin_(self: Any) -> tuple[_Tensor, ...]:
    """`sin_` of each tensor of a list."""

def _foreach_sinh(self: Any) -> tuple[_Tensor, ...]:
    """`sinh` of each tensor of a list."""

def _foreach_sinh_(self: Any) -> tuple[_Tensor, ...]:
    """`sinh_` of each tensor of a list."""

def _foreach_sqrt(self: Any) -> tuple[_Tensor, ...]:
    """`sqrt` of each tensor of a list."""

def _foreach_sqrt_(self: Any) -> tuple[_Tensor, ...]:
    """`sqrt_` of each tensor of a list."""

def _foreach_sub(
    self: Any,
    other: Any = None,
    *,
    alpha: _complex | None = None,
    scalar: Any = None,
    scalars: Any = None,
) -> tuple[_Tensor, ...]:
    """`sub` of each tensor of a list."""

def _foreach_sub_(
    self: Any, other: Any = None, *, alpha: Any = None, scalar: Any = None, scalars: Any = None
) -> tuple[_Tensor, ...]:
    """`sub_` of each tensor of a list."""

def _foreach_tan(self: Any) -> tuple[_Tensor, ...]:
    """`tan` of each tensor of a list."""

def _foreach_tan_(self: Any) -> tuple[_Tensor, ...]:
    """`tan_` of each tensor of a list."""

def _foreach_tanh(self: Any) -> tuple[_Tensor, ...]:
    """`tanh` of each tensor of a list."""

def _foreach_tanh_(self: Any) -> tuple[_Tensor, ...]:
    """`tanh_` of each tensor of a list."""

def _foreach_trunc(self: Any) -> tuple[_Tensor, ...]:
    """`trunc` of each tensor of a list."""

def _foreach_trunc_(self: Any) -> tuple[_Tensor, ...]:
    """`trunc_` of each tensor of a list."""

def _foreach_zero_(self: Any) -> tuple[_Tensor, ...]:
    """Zero each tensor of a list."""

def _is_all_true(input: _Tensor) -> _Tensor:
    """Whether every element of a boolean tensor is true, in the whole batch under vmap."""

def _is_any_true(input: _Tensor) -> _Tensor:
    """Whether some element of a boolean tensor is true, in the whole batch under vmap."""

_mkldnn: _layout

def _native_batch_norm_legit(input: _Tensor, weight: Any, bias: Any, *rest: Any) -> Any:
    """`native_batch_norm`; without running statistics it takes (training, momentum, eps) only."""

def _neg_view(input: _Tensor) -> _Tensor:
    """The negative, a view of the same memory."""

def _neg_view_copy(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> Any:
    """A copy of what `_neg_view` would show."""

def _pack_padded_sequence(
    input: _Tensor, lengths: _Tensor, batch_first: _bool
) -> tuple[_Tensor, _Tensor]:
    """The rows (N, *) of (T, B, *) (or (B, T, *)) within the B lengths, and how many a step has."""

def _pad_packed_sequence(
    data: _Tensor,
    batch_sizes: _Tensor,
    batch_first: _bool,
    padding_value: _float,
    total_length: _int,
) -> tuple[_Tensor, _Tensor]:
    """Undo `_pack_padded_sequence`: (T, B, *) with padding, and the lengths."""

def _reshape_alias_copy(
    input: _Tensor, size: Any, stride: Any, *, out: Sequence[_Tensor] | None = None
) -> Any:
    """A copy of what `_reshape_alias` would show."""

def _sample_dirichlet(input: _Tensor, generator: _Generator | None = None) -> _Tensor:
    """Dirichlet vectors along the last dimension with the concentrations in `input`."""

def _segment_reduce(
    data: _Tensor,
    reduce: _str,
    *,
    lengths: Any = None,
    indices: Any = None,
    offsets: Any = None,
    axis: _int = 0,
    unsafe: _bool = False,
    initial: Any = None,
) -> _Tensor:
    """Reduce each segment of `axis`: of the given lengths, or between neighbouring offsets."""

def _softmax_backward_data(
    grad_output: _Tensor, output: _Tensor, dim: _int, input_dtype: Any
) -> _Tensor:
    """The gradient of softmax from its output."""

def _sparse_coo_tensor_unsafe(
    indices: _Tensor,
    values: _Tensor,
    size: Any,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
    is_coalesced: _bool | None = None,
) -> _Tensor:
    """As `sparse_coo_tensor` of parts that fit."""

def _standard_gamma(input: _Tensor, generator: _Generator | None = None) -> _Tensor:
    """Gamma variates of rate one with the concentrations in `input`."""

def _standard_gamma_grad(input: _Tensor, output: _Tensor) -> _Tensor:
    """The derivative of gamma variates `output` by their concentrations `input`."""

def _sym_acos(a: Any) -> _float: ...
def _sym_asin(a: Any) -> _float: ...
def _sym_atan(a: Any) -> _float: ...
def _sym_cos(a: Any) -> _float: ...
def _sym_cosh(a: Any) -> _float: ...
def _sym_log2(a: Any) -> _float: ...
def _sym_sin(a: Any) -> _float: ...
def _sym_sinh(a: Any) -> _float: ...
def _sym_sqrt(a: Any) -> _float: ...
def _sym_tan(a: Any) -> _float: ...
def _sym_tanh(a: Any) -> _float: ...
def _unsafe_index(input: _Tensor, indices: Any) -> _Tensor:
    """`input[indices]`."""

def _unsafe_masked_index(input: _Tensor, mask: _Tensor, indices: Any, fill: Any) -> _Tensor:
    """`input[indices]` where `mask` is true, `fill` elsewhere."""

def _unsafe_masked_index_put_accumulate(
    input: _Tensor, mask: _Tensor, indices: Any, values: _Tensor
) -> _Tensor:
    """A copy with `values` added at the indices where `mask` is true."""

def abs(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The magnitude of each element; of complex numbers, a real one."""

def abs_(input: _Tensor) -> _Tensor:
    """In-place form of `abs`; real tensors only."""

def absolute(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The magnitude of each element; of complex numbers, a real one."""

def acos(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse cosine."""

def acos_(input: _Tensor) -> _Tensor:
    """In-place form of `acos`."""

def acosh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse hyperbolic cosine."""

def acosh_(input: _Tensor) -> _Tensor:
    """In-place form of `acosh`."""

def adaptive_avg_pool1d(input: _Tensor, output_size: Any) -> _Tensor:
    """Averages over ranges that divide 1 axes into `output_size` parts."""

def adaptive_max_pool1d(input: _Tensor, output_size: Any) -> tuple[_Tensor, _Tensor]:
    """Maxima over ranges that divide 1 axes into `output_size` parts, and their indices."""

def add(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    alpha: _complex = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """Sum of two tensors, the second one scaled by `alpha`."""

def add_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    alpha: _complex = 1,
) -> _Tensor: ...
def addbmm(
    input: _Tensor,
    batch1: _Tensor,
    batch2: _Tensor,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """beta * input + alpha * sum over the batch of (batch1 @ batch2)."""

def addbmm_(
    input: _Tensor, batch1: _Tensor, batch2: _Tensor, *, beta: Any = 1, alpha: Any = 1
) -> _Tensor:
    """In-place form of `addbmm`."""

def addcdiv(
    input: _Tensor,
    tensor1: _Tensor,
    tensor2: _Tensor,
    *,
    value: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """input + value tensor1 / tensor2."""

def addcdiv_(input: _Tensor, tensor1: _Tensor, tensor2: _Tensor, *, value: Any = 1) -> _Tensor:
    """In-place form of `addcdiv`."""

def addcmul(
    input: _Tensor,
    tensor1: _Tensor,
    tensor2: _Tensor,
    *,
    value: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """input + value tensor1 tensor2."""

def addcmul_(input: _Tensor, tensor1: _Tensor, tensor2: _Tensor, *, value: Any = 1) -> _Tensor:
    """In-place form of `addcmul`."""

def addmm(
    input: _Tensor,
    mat1: _Tensor,
    mat2: _Tensor,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""

def addmm_(
    input: _Tensor, mat1: _Tensor, mat2: _Tensor, *, beta: Any = 1, alpha: Any = 1
) -> _Tensor:
    """In-place form of `addmm`."""

def addmv(
    input: _Tensor,
    mat: _Tensor,
    vec: _Tensor,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """beta * input + alpha * (mat @ vec)."""

def addmv_(input: _Tensor, mat: _Tensor, vec: _Tensor, *, beta: Any = 1, alpha: Any = 1) -> _Tensor:
    """In-place form of `addmv`."""

def addr(
    input: _Tensor,
    vec1: _Tensor,
    vec2: _Tensor,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""

def addr_(
    input: _Tensor, vec1: _Tensor, vec2: _Tensor, *, beta: Any = 1, alpha: Any = 1
) -> _Tensor:
    """In-place form of `addr`."""

def adjoint(input: _Tensor) -> _Tensor:
    """The conjugate transpose of the last two dimensions."""

def affine_grid_generator(theta: _Tensor, size: Any, align_corners: _bool) -> _Tensor:
    """`affine_grid` without its checks."""

def alias_copy(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `alias` would show."""

def all(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Whether every element over the dimensions is nonzero; bool, or uint8 of uint8."""

def allclose(
    input: _Tensor,
    other: _Tensor,
    rtol: _float = 1e-05,
    atol: _float = 1e-08,
    equal_nan: _bool = False,
) -> _bool:
    """Whether all elements of two tensors are close; see `isclose`."""

def alpha_dropout(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """Dropout that keeps mean 0 and variance 1 (arXiv 1706.02515)."""

def alpha_dropout_(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """In-place form of `alpha_dropout`."""

def amax(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = (),
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Maximum over dimensions; ties share the gradient."""

def amin(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = (),
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Minimum over dimensions; ties share the gradient."""

def aminmax(
    input: _Tensor, *, dim: Any = None, keepdim: _bool = False, out: Sequence[_Tensor] | None = None
) -> return_types.aminmax:
    """Minimum and maximum over one dimension, or over all."""

def angle(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The angle of each complex number; of reals, 0 or pi."""

def any(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Whether some element over the dimensions is nonzero; bool, or uint8 of uint8."""

def arange(
    *args: _float | _Tensor,
    start: Any = None,
    end: Any = None,
    step: Any = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Values from `start` (0) up to, not including, `end`, `step` (1) apart."""

def arccos(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse cosine."""

def arccos_(input: _Tensor) -> _Tensor:
    """In-place form of `acos`."""

def arccosh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse hyperbolic cosine."""

def arccosh_(input: _Tensor) -> _Tensor:
    """In-place form of `acosh`."""

def arcsin(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse sine."""

def arcsin_(input: _Tensor) -> _Tensor:
    """In-place form of `asin`."""

def arcsinh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse hyperbolic sine."""

def arcsinh_(input: _Tensor) -> _Tensor:
    """In-place form of `asinh`."""

def arctan(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse tangent."""

def arctan2(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The angle of the point (other, input), in (-pi, pi]."""

def arctan2_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def arctan_(input: _Tensor) -> _Tensor:
    """In-place form of `atan`."""

def arctanh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse hyperbolic tangent."""

def arctanh_(input: _Tensor) -> _Tensor:
    """In-place form of `atanh`."""

def are_deterministic_algorithms_enabled() -> _bool:
    """What use_deterministic_algorithms was last given."""

def argmax(
    input: _Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: _Tensor | None = None
) -> _Tensor:
    """Index of the first maximum along a dimension, or in the flat tensor."""

def argmin(
    input: _Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: _Tensor | None = None
) -> _Tensor:
    """Index of the first minimum along a dimension, or in the flat tensor."""

def argsort(
    input: _Tensor,
    dim: _int = -1,
    descending: _bool = False,
    stable: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The indices that put a dimension in order."""

def argwhere(input: _Tensor) -> _Tensor:
    """The places of the nonzero elements as rows."""

def as_strided(
    input: _Tensor,
    size: Any,
    stride: _int | Sequence[_int] | None,
    storage_offset: _int | None = None,
) -> _Tensor:
    """A view of the tensor's storage with any sizes, strides and offset that stay inside it."""

def as_strided_(input: _Tensor, *args: Any, **kwargs: Any) -> _Tensor:
    """In-place form of `as_strided`: changes how the tensor looks at its memory."""

def as_strided_copy(
    input: _Tensor,
    size: Any,
    stride: Any,
    storage_offset: _int | None = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy of what `as_strided` would show."""

def as_strided_scatter(
    input: _Tensor, src: _Tensor, size: Any, stride: Any, storage_offset: _int | None = None
) -> _Tensor:
    """A copy with the elements that `as_strided` would show replaced by `src`."""

def as_tensor(
    data: _object, dtype: _dtype | None = None, device: _str | _int | _device | None = None
) -> _Tensor:
    """A tensor of `data`, sharing memory and history with it where possible."""

def asarray(
    obj: _object,
    *,
    dtype: _dtype | None = None,
    device: _str | _int | _device | None = None,
    copy: Any = None,
    requires_grad: Any = None,
) -> _Tensor:
    """A tensor of `obj`; `copy` True always, False never, None where needed."""

def asin(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse sine."""

def asin_(input: _Tensor) -> _Tensor:
    """In-place form of `asin`."""

def asinh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse hyperbolic sine."""

def asinh_(input: _Tensor) -> _Tensor:
    """In-place form of `asinh`."""

def atan(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse tangent."""

def atan2(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The angle of the point (other, input), in (-pi, pi]."""

def atan2_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def atan_(input: _Tensor) -> _Tensor:
    """In-place form of `atan`."""

def atanh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse hyperbolic tangent."""

def atanh_(input: _Tensor) -> _Tensor:
    """In-place form of `atanh`."""

def atleast_1d(*tensors: Any) -> Any:
    """The tensor with at least one dimension; several tensors give a tuple."""

def atleast_2d(*tensors: Any) -> Any:
    """The tensor with at least two dimensions, new ones in front; several give a tuple."""

def atleast_3d(*tensors: Any) -> Any:
    """The tensor with at least three dimensions; vectors become (1, n, 1), matrices (m, n, 1)."""

def avg_pool1d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
) -> _Tensor:
    """The average of each window over one axis."""

def baddbmm(
    input: _Tensor,
    batch1: _Tensor,
    batch2: _Tensor,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""

def baddbmm_(
    input: _Tensor, batch1: _Tensor, batch2: _Tensor, *, beta: Any = 1, alpha: Any = 1
) -> _Tensor:
    """In-place form of `baddbmm`."""

def bartlett_window(
    window_length: _int,
    periodic: _bool = True,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """The triangle from 0 up to 1 and back."""

def batch_norm(
    input: _Tensor,
    weight: Any,
    bias: _Tensor | None,
    running_mean: _Tensor | None,
    running_var: _Tensor | None,
    training: _bool,
    momentum: _float,
    eps: _float,
    cudnn_enabled: _bool,
) -> _Tensor:
    """Standardise channels by the batch's statistics (training) or the running ones."""

def bernoulli(
    input: _Tensor,
    p: Any = None,
    *,
    generator: _Generator | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Ones with the probabilities in `input` (or with probability p), else zeros."""

bfloat16: _dtype

def bilinear(
    input1: _Tensor, input2: _Tensor, weight: _Tensor, bias: _Tensor | None = None
) -> _Tensor:
    """input1ᵀ W_k input2 + b_k for every output k; weight is (out, in1, in2)."""

def binary_cross_entropy_with_logits(
    input: _Tensor, target: _Tensor, weight: Any = None, pos_weight: Any = None, reduction: _int = 0
) -> _Tensor:
    """binary_cross_entropy of sigmoid(input) without overflow."""

def bincount(input: _Tensor, weights: Any = None, minlength: _int = 0) -> _Tensor:
    """How often each of 0, 1, 2 ... occurs in a vector of integers, or the sums of weights."""

def binomial(count: _Tensor, prob: _Tensor, generator: _Generator | None = None) -> _Tensor:
    """Binomial counts of `count` trials with probability `prob`."""

bit: _dtype
bits16: _dtype
bits1x8: _dtype
bits2x4: _dtype
bits4x2: _dtype
bits8: _dtype

def bitwise_and(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Bits set in both operands."""

def bitwise_and_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `bitwise_and`."""

def bitwise_left_shift(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Bits moved to the left."""

def bitwise_left_shift_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `bitwise_left_shift`."""

def bitwise_not(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """All bits flipped; of bools, the logical not."""

def bitwise_not_(input: _Tensor) -> _Tensor:
    """In-place form of `bitwise_not`."""

def bitwise_or(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Bits set in either operand."""

def bitwise_or_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `bitwise_or`."""

def bitwise_right_shift(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Bits moved to the right, the sign kept."""

def bitwise_right_shift_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `bitwise_right_shift`."""

def bitwise_xor(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Bits set in exactly one operand."""

def bitwise_xor_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `bitwise_xor`."""

def blackman_window(
    window_length: _int,
    periodic: _bool = True,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """The cosine sum of the coefficients 0.42, 0.5, 0.08."""

def block_diag(*tensors: Any) -> _Tensor:
    """A matrix with the given matrices (or vectors, or numbers) along its diagonal."""

def bmm(input: _Tensor, mat2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Products of two batches of matrices."""

bool: _dtype

def broadcast_shapes(*shapes: Any) -> _Size:
    """The common shape that tensors of these shapes broadcast to."""

def broadcast_tensors(*tensors: Any) -> tuple[_Tensor, ...]:
    """Views of all the tensors in their common shape."""

@overload
def broadcast_to(input: _Tensor, *size: Any) -> _Tensor:
    """`expand` by its NumPy name."""

@overload
def broadcast_to(input: _Tensor, *, size: Sequence[_int]) -> _Tensor:
    """`expand` by its NumPy name."""

def bucketize(
    input: Any,
    boundaries: _Tensor,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """The index of the bucket of each value; int64 or int32."""

def can_cast(from_: Any, to: Any) -> _bool:
    """Whether a result of one dtype may be written into a tensor of the other."""

def cartesian_prod(*tensors: Any) -> _Tensor:
    """All tuples with one element of each vector, as rows."""

def cat(tensors: Sequence[_Tensor], dim: _int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """Join tensors along an existing dimension; empty 1-d tensors fit any shape."""

def cdist(
    x1: _Tensor,
    x2: _Tensor,
    p: _float = 2.0,
    compute_mode: Any = "use_mm_for_euclid_dist_if_necessary",
) -> _Tensor:
    """Norms of order p of all differences of rows: (..., P, M) and (..., R, M) give (..., P, R)."""

cdouble: _dtype

def ceil(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The smallest integer not below each element."""

def ceil_(input: _Tensor) -> _Tensor:
    """In-place form of `ceil`."""

def celu(input: _Tensor, alpha: _float = 1.0) -> _Tensor:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (arXiv 1704.07483)."""

def celu_(input: _Tensor, alpha: _float = 1.0) -> _Tensor:
    """In-place form of `celu`."""

cfloat: _dtype

def chain_matmul(*matrices: Any, out: _Tensor | None = None) -> _Tensor:
    """The product of a chain of matrices in the cheapest order."""

chalf: _dtype

def channel_shuffle(input: _Tensor, groups: _int) -> _Tensor:
    """Interleave the channels of `groups` groups."""

channels_last: _memory_format
channels_last_3d: _memory_format

def cholesky(input: _Tensor, upper: _bool = False, *, out: _Tensor | None = None) -> _Tensor:
    """The Cholesky factors of Hermitian positive-definite matrices."""

def cholesky_inverse(
    input: _Tensor, upper: _bool = False, *, out: _Tensor | None = None
) -> _Tensor:
    """The inverse of A from its Cholesky factor."""

def cholesky_solve(
    input: _Tensor, L: _Tensor, upper: _bool = False, *, out: _Tensor | None = None
) -> _Tensor:
    """The solution of A X = input from the Cholesky factor of A."""

def chunk(input: _Tensor, chunks: _int, dim: _int = 0) -> tuple[_Tensor, ...]:
    """A tuple of at most `chunks` views of equal length (the last may be smaller)."""

def clamp(
    input: _Tensor, min: Any = None, max: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """Each element brought into [min, max]; a bound below the other loses to `max`."""

def clamp_(input: _Tensor, min: Any = None, max: Any = None) -> _Tensor:
    """In-place form of `clamp`."""

def clamp_max(input: _Tensor, max: Any, *, out: _Tensor | None = None) -> _Tensor:
    """Each element, or `max` where that is smaller."""

def clamp_max_(input: _Tensor, max: Any) -> _Tensor:
    """In-place form of `clamp_max`."""

def clamp_min(input: _Tensor, min: Any, *, out: _Tensor | None = None) -> _Tensor:
    """Each element, or `min` where that is larger."""

def clamp_min_(input: _Tensor, min: Any) -> _Tensor:
    """In-place form of `clamp_min`."""

def clip(
    input: _Tensor, min: Any = None, max: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """Each element brought into [min, max]; a bound below the other loses to `max`."""

def clip_(input: _Tensor, min: Any = None, max: Any = None) -> _Tensor:
    """In-place form of `clamp`."""

def clone(input: _Tensor, *, memory_format: _memory_format | None = None) -> _Tensor:
    """A copy that gradients flow through, with the strides that `memory_format` asks for."""

def column_stack(tensors: Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Join along the second dimension; tensors of up to 1-d are columns."""

def combinations(input: _Tensor, r: _int = 2, with_replacement: _bool = False) -> _Tensor:
    """All ways to pick r elements of a vector, as rows in the order of itertools."""

def complex(real: _Tensor, imag: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Complex numbers with the given real and imaginary parts."""

complex128: _dtype
complex32: _dtype
complex64: _dtype

def concat(tensors: Sequence[_Tensor], dim: _int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """Join tensors along an existing dimension; empty 1-d tensors fit any shape."""

def concatenate(
    tensors: Sequence[_Tensor], dim: _int = 0, *, out: _Tensor | None = None
) -> _Tensor:
    """Join tensors along an existing dimension; empty 1-d tensors fit any shape."""

def conj(input: _Tensor) -> _Tensor:
    """The complex conjugate, a view of the same memory; the tensor itself if it is real."""

def conj_physical(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The complex conjugate; the tensor itself if it is real."""

def conj_physical_(input: _Tensor) -> _Tensor:
    """In-place form of `conj_physical`."""

def constant_pad_nd(input: _Tensor, pad: Any, value: Any = 0) -> _Tensor:
    """Pad with a constant; `pad` lists (before, after), last dimension first; negative cuts."""

contiguous_format: _memory_format

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

def convolution(
    input: _Tensor,
    weight: _Tensor,
    bias: _Tensor | None,
    stride: _int | Sequence[_int] | None,
    padding: Any,
    dilation: _int | Sequence[_int],
    transposed: _bool,
    output_padding: _int | Sequence[_int],
    groups: _int,
) -> _Tensor:
    """Convolution (or its transpose) over as many axes as the weight has."""

def copysign(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The magnitude of input with the sign of other."""

def copysign_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def corrcoef(input: _Tensor) -> _Tensor:
    """Pearson's correlation coefficients of variables in rows; real and imaginary in [-1, 1]."""

def cos(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The cosine."""

def cos_(input: _Tensor) -> _Tensor:
    """In-place form of `cos`."""

def cosh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The hyperbolic cosine."""

def cosh_(input: _Tensor) -> _Tensor:
    """In-place form of `cosh`."""

def cosine_embedding_loss(
    input1: _Tensor, input2: _Tensor, target: _Tensor, margin: _float = 0.0, reduction: _int = 0
) -> _Tensor:
    """1 - cos(x, y) where the target is 1, max(0, cos(x, y) - margin) where it is -1."""

def cosine_similarity(x1: _Tensor, x2: _Tensor, dim: _int = 1, eps: _float = 1e-08) -> _Tensor:
    """The cosine of the angle between vectors along a dimension, norms bounded below by eps."""

def count_nonzero(input: _Tensor, dim: _int | Sequence[_int] | None = None) -> _Tensor:
    """The int64 number of nonzero elements over the dimensions."""

def cov(
    input: _Tensor, *, correction: _int = 1, fweights: Any = None, aweights: Any = None
) -> _Tensor:
    """Covariance of variables in rows, observations in columns."""

def cross(
    input: _Tensor, other: _Tensor, dim: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """Cross products of 3-vectors along `dim`, by default the first of size 3."""

def ctc_loss(
    log_probs: _Tensor,
    targets: _Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: _int = 0,
    reduction: _int = 0,
    zero_infinity: _bool = False,
) -> _Tensor:
    """-log of the probability of label sequences."""

def cummax(
    input: _Tensor, dim: _int, *, out: Sequence[_Tensor] | None = None
) -> return_types.cummax:
    """Running maximum and its last index."""

def cummin(
    input: _Tensor, dim: _int, *, out: Sequence[_Tensor] | None = None
) -> return_types.cummin:
    """Running minimum and its last index."""

def cumprod(input: _Tensor, dim: _int, *, dtype: Any = None, out: _Tensor | None = None) -> _Tensor:
    """Cumulative product along a dimension; integers and bools multiply to int64."""

def cumprod_(input: _Tensor, dim: _int, *, dtype: Any = None) -> _Tensor:
    """In-place form of `cumprod`."""

def cumsum(input: _Tensor, dim: _int, *, dtype: Any = None, out: _Tensor | None = None) -> _Tensor:
    """Cumulative sum along a dimension; integers and bools sum to int64."""

def cumsum_(input: _Tensor, dim: _int, *, dtype: Any = None) -> _Tensor:
    """In-place form of `cumsum`."""

def cumulative_trapezoid(y: _Tensor, x: Any = None, *, dx: Any = None, dim: _int = -1) -> _Tensor:
    """The running integral along a dimension by the trapezoid rule."""

default_generator: _Generator

def deg2rad(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Degrees as radians."""

def deg2rad_(input: _Tensor) -> _Tensor:
    """In-place form of `deg2rad`."""

def det(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The determinants of square matrices (..., n, n)."""

def detach(self: _Tensor) -> _Tensor:
    """The same memory outside of the graph; in-place changes are noticed on both sides."""

def detach_(self: _Tensor) -> _Tensor:
    """Cut this tensor from the graph in place; inside a transform, from that of its level."""

def detach_copy(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> Any:
    """A copy of what `detach` would show."""

def diag(input: _Tensor, diagonal: _int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """A vector's diagonal matrix, or a copy of a matrix's diagonal."""

def diag_embed(input: _Tensor, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> _Tensor:
    """Zeros with the last dimension on a diagonal of two new dimensions."""

def diagflat(input: _Tensor, offset: _int = 0) -> _Tensor:
    """The matrix with the flattened tensor on a diagonal."""

def diagonal(input: _Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> _Tensor:
    """A view of the diagonal of two dimensions, as the last one."""

def diagonal_copy(
    input: _Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1, *, out: _Tensor | None = None
) -> _Tensor:
    """A copy of what `diagonal` would show."""

def diagonal_scatter(
    input: _Tensor, src: _Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1
) -> _Tensor:
    """A copy with a diagonal replaced by `src`."""

def diff(
    input: _Tensor,
    n: _int = 1,
    dim: _int = -1,
    prepend: Any = None,
    append: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The n-th difference of neighbours along a dimension; exclusive or for bools."""

def digamma(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The derivative of lgamma."""

def digamma_(input: _Tensor) -> _Tensor:
    """In-place form of `digamma`."""

def dist(input: _Tensor, other: _Tensor, p: Any = 2) -> _Tensor:
    """The p-norm of input - other, over all elements."""

def div(
    input: Any, other: Any, *, rounding_mode: _str | None = None, out: _Tensor | None = None
) -> _Tensor:
    """Quotient of two tensors, rounded down ("floor") or towards zero ("trunc") if asked."""

def div_(input: Any, other: Any, *, rounding_mode: _str | None = None) -> _Tensor:
    """In-place form of `div`."""

def divide(
    input: Any, other: Any, *, rounding_mode: _str | None = None, out: _Tensor | None = None
) -> _Tensor:
    """Quotient of two tensors, rounded down ("floor") or towards zero ("trunc") if asked."""

def divide_(input: Any, other: Any, *, rounding_mode: _str | None = None) -> _Tensor:
    """In-place form of `div`."""

def dot(input: _Tensor, tensor: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Inner product of two vectors."""

double: _dtype

def dropout(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """Zero elements with probability p and scale the others by 1 / (1 - p)."""

def dropout_(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """In-place form of `dropout`."""

def dsmm(input: _Tensor, mat2: _Tensor) -> _Tensor:
    """The product of a sparse and a strided matrix."""

def dsplit(input: _Tensor, indices_or_sections: Any = None) -> tuple[_Tensor, ...]:
    """tensor_split along the dimension that `dstack` joins along."""

def dstack(tensors: Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Join along the third dimension."""

e: _float

def einsum(*args: Any) -> _Tensor:
    """Sum products of the operands over the labels that the result does not have."""

def embedding(
    weight: _Tensor,
    indices: _Tensor,
    padding_idx: _int = -1,
    scale_grad_by_freq: _bool = False,
    sparse: _bool = False,
) -> _Tensor:
    """Rows of a table; the cotangent of row `padding_idx` is zero."""

def embedding_bag(
    weight: _Tensor,
    indices: _Tensor,
    offsets: _Tensor,
    scale_grad_by_freq: _bool = False,
    mode: _int = 0,
    sparse: _bool = False,
    per_sample_weights: Any = None,
    include_last_offset: _bool = False,
    padding_idx: Any = None,
) -> tuple[_Tensor, _Tensor, _Tensor, _Tensor]:
    """(bags' rows, bag of each index, size of each bag, rows of maxima); modes sum, mean, max."""

def embedding_renorm_(
    input: _Tensor, indices: _Tensor, max_norm: _float, norm_type: _float
) -> _Tensor:
    """Scale the rows that the indices name, in place, to a norm of at most `max_norm`."""

def empty(
    *args: _int | Sequence[_int],
    size: Any = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Memory of the given sizes, zeroed."""

def empty_like(
    input: _Tensor,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Memory of a tensor's sizes, dtype, device and order."""

def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Zeroed memory whose dimensions lie in memory in the order of `physical_layout`."""

def empty_strided(
    size: Any,
    stride: _int | Sequence[_int] | None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Zeroed memory under explicit strides (in elements)."""

def eq(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input == other."""

def eq_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def equal(input: _Tensor, other: Any) -> _bool:
    """Whether two tensors have the same shape and the same elements."""

def erf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The error function."""

def erf_(input: _Tensor) -> _Tensor:
    """In-place form of `erf`."""

def erfc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 - erf(x), relatively exact for large x."""

def erfc_(input: _Tensor) -> _Tensor:
    """In-place form of `erfc`."""

def erfinv(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse of erf."""

def erfinv_(input: _Tensor) -> _Tensor:
    """In-place form of `erfinv`."""

def exp(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """e to the power of each element."""

def exp2(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """2 to the power of each element."""

def exp2_(input: _Tensor) -> _Tensor:
    """In-place form of `exp2`."""

def exp_(input: _Tensor) -> _Tensor:
    """In-place form of `exp`."""

@overload
def expand_copy(
    input: _Tensor,
    *size: _int | Sequence[_int],
    implicit: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy of what `expand` would show."""

@overload
def expand_copy(input: _Tensor, *, size: Sequence[_int]) -> _Tensor:
    """A copy of what `expand` would show."""

def expm1(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """exp(x) - 1, exact near 0."""

def expm1_(input: _Tensor) -> _Tensor:
    """In-place form of `expm1`."""

def eye(
    n: _int,
    m: Any = None,
    *,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Ones on the diagonal, zeros elsewhere."""

def feature_alpha_dropout(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """alpha_dropout of whole channels (dimension 1)."""

def feature_alpha_dropout_(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """In-place form of `feature_alpha_dropout`."""

def feature_dropout(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """Zero whole channels (dimension 1) with probability p."""

def feature_dropout_(input: _Tensor, p: _float, train: _bool) -> _Tensor:
    """In-place form of `feature_dropout`."""

def fill(input: _Tensor, value: Any) -> _Tensor:
    """A tensor like `input` with every element `value` (a number or a 0-dim tensor)."""

def fill_(input: _Tensor, value: Any) -> _Tensor:
    """Set every element to `value`; no gradient flows to the former ones."""

def fix(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Each element without its fraction."""

def fix_(input: _Tensor) -> _Tensor:
    """In-place form of `trunc`."""

def flatten(input: _Tensor, start_dim: _int = 0, end_dim: _int = -1) -> _Tensor:
    """Join a range of dimensions into one; a view where possible."""

@overload
def flip(input: _Tensor, *dims: _int | Sequence[_int]) -> _Tensor:
    """A copy with the order of the elements reversed along `dims`."""

@overload
def flip(input: _Tensor, *, dims: Sequence[_int]) -> _Tensor:
    """A copy with the order of the elements reversed along `dims`."""

def fliplr(input: _Tensor) -> _Tensor:
    """The order along the second dimension reversed."""

def flipud(input: _Tensor) -> _Tensor:
    """The order along the first dimension reversed."""

float: _dtype
float16: _dtype
float32: _dtype
float4_e2m1fn_x2: _dtype
float64: _dtype
float8_e4m3fn: _dtype
float8_e4m3fnuz: _dtype
float8_e5m2: _dtype
float8_e5m2fnuz: _dtype
float8_e8m0fnu: _dtype

def float_power(input: Any, exponent: Any, *, out: _Tensor | None = None) -> _Tensor:
    """Powers computed in float64 (complex128 if an operand is complex)."""

def floor(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The largest integer not above each element."""

def floor_(input: _Tensor) -> _Tensor:
    """In-place form of `floor`."""

def floor_divide(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Quotient rounded down."""

def floor_divide_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `floor_divide`."""

def fmax(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The larger of two elements that is no NaN."""

def fmin(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The smaller of two elements that is no NaN."""

def fmod(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Remainder of division with the dividend's sign."""

def fmod_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `fmod`."""

def frac(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The fraction of each element, with its sign."""

def frac_(input: _Tensor) -> _Tensor:
    """In-place form of `frac`."""

def frexp(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> return_types.frexp:
    """Mantissa in [0.5, 1) and integer exponent of each element."""

def frobenius_norm(
    input: _Tensor, dim: Any, keepdim: _bool = False, *, out: _Tensor | None = None
) -> _Tensor:
    """The root of the sum of squares over one or two dimensions."""

def from_dlpack(
    ext_tensor: Any, *, device: _str | _int | _device | None = None, copy: Any = None
) -> _Tensor:
    """A tensor over the memory of any object that speaks DLPack."""

def from_numpy(ndarray: Any) -> _Tensor:
    """A tensor that shares memory with a NumPy array."""

def frombuffer(
    buffer: Any, *, dtype: _dtype, count: _int = -1, offset: _int = 0, requires_grad: _bool = False
) -> _Tensor:
    """A 1-dimensional tensor over the memory of a Python buffer."""

def full(
    size: Any,
    fill_value: _complex,
    *,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """A tensor filled with one number, whose kind decides the dtype unless one is given."""

def full_like(
    input: _Tensor,
    fill_value: _complex,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """One number in a tensor's sizes, dtype, device and memory order."""

def gather(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    *,
    sparse_grad: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on; has the shape of `index`."""

def gcd(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The greatest common divisor."""

def gcd_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `gcd`."""

def ge(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input >= other."""

def ge_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def geqrf(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> return_types.geqrf:
    """The compact QR: R above the Householder vectors, and their factors tau."""

def ger(input: _Tensor, vec2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Outer product of two vectors."""

def get_default_device() -> _device:
    """The device of tensors that are made without one."""

def get_deterministic_debug_mode() -> _int:
    """0 default, 1 warn, 2 error."""

def get_device(input: _Tensor) -> _int:
    """The GPU's number, -1 on the CPU."""

def get_float32_matmul_precision() -> _str:
    """The remembered precision; products of float32 are always computed in float32."""

def get_num_interop_threads() -> _int:
    """The number of threads between ops: ops run one after the other, so what was set, or 1."""

def get_num_threads() -> _int:
    """The number of threads that CPU kernels may use."""

def get_rng_state() -> _Tensor:
    """The state of the CPU's stream as a tensor of bytes."""

def gradient(
    input: _Tensor,
    *,
    spacing: Any = None,
    dim: _int | Sequence[_int] | None = None,
    edge_order: _int = 1,
) -> tuple[_Tensor, ...]:
    """Derivatives along each dimension, by central differences inside; a tuple."""

def greater(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input > other."""

def greater_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def greater_equal(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input >= other."""

def greater_equal_(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_
) -> _Tensor: ...
def grid_sampler(
    input: _Tensor,
    grid: _Tensor,
    interpolation_mode: _int,
    padding_mode: _int,
    align_corners: _bool,
) -> _Tensor:
    """`grid_sample` with modes by number."""

def grid_sampler_2d(
    input: _Tensor,
    grid: _Tensor,
    interpolation_mode: _int,
    padding_mode: _int,
    align_corners: _bool,
) -> _Tensor:
    """`grid_sample` with modes by number."""

def grid_sampler_3d(
    input: _Tensor,
    grid: _Tensor,
    interpolation_mode: _int,
    padding_mode: _int,
    align_corners: _bool,
) -> _Tensor:
    """`grid_sample` with modes by number."""

def group_norm(
    input: _Tensor,
    num_groups: _int,
    weight: Any = None,
    bias: Any = None,
    eps: _float = 1e-05,
    cudnn_enabled: _bool = True,
) -> _Tensor:
    """Standardise each of `num_groups` groups of channels, then scale and shift by channel."""

def gru(input: _Tensor, *args: Any) -> Any:
    """Layers of gru over a sequence (T, B, *), or over packed data."""

def gru_cell(
    input: _Tensor,
    hx: _Tensor,
    w_ih: _Tensor,
    w_hh: _Tensor,
    b_ih: _Tensor | None = None,
    b_hh: _Tensor | None = None,
) -> _Tensor:
    """One GRU step: (N, H_in), (N, H) -> (N, H)."""

def gt(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input > other."""

def gt_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...

half: _dtype

def hamming_window(
    window_length: _int,
    periodic: _bool = True,
    alpha: _float = 0.54,
    beta: _float = 0.46,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """alpha - beta cos(2 pi n / (window_length - 1))."""

def hann_window(
    window_length: _int,
    periodic: _bool = True,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """sin^2 of half the angle: one raised cosine."""

def hardshrink(input: _Tensor, lambd: _float = 0.5, *, out: _Tensor | None = None) -> _Tensor:
    """x outside of [-lambd, lambd], else 0."""

def hash_tensor(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = (),
    *,
    keepdim: _bool = False,
    mode: _int = 0,
    out: _Tensor | None = None,
) -> _Tensor:
    """The exclusive or, in uint64, of the 64-bit patterns of the elements over dimensions."""

def heaviside(
    input: _Tensor,
    values: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """0 below zero, 1 above, and `values` at zero."""

def heaviside_(input: _Tensor, values: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `heaviside`."""

def hinge_embedding_loss(
    input: _Tensor, target: _Tensor, margin: _float = 1.0, reduction: _int = 0
) -> _Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""

def histc(
    input: _Tensor, bins: _int = 100, min: Any = 0, max: Any = 0, *, out: _Tensor | None = None
) -> _Tensor:
    """Counts of equal bins from `min` to `max` (of the data where they are equal)."""

def histogram(
    input: _Tensor,
    bins: Any = 100,
    *,
    range: Any = None,
    weight: Any = None,
    density: _bool = False,
    out: Sequence[_Tensor] | None = None,
) -> return_types.histogram:
    """(hist, bin_edges) of all elements; `bins` is a count or a tensor of increasing edges."""

def histogramdd(
    input: _Tensor, bins: Any, range: Any = None, weight: Any = None, density: _bool = False
) -> return_types.histogramdd:
    """(hist, bin_edges) of points, the last dimension holding their coordinates."""

def hsmm(mat1: _Tensor, mat2: _Tensor) -> _Tensor:
    """The product of a sparse and a strided matrix: its rows that may not be zero, as a hybrid."""

def hsplit(input: _Tensor, indices_or_sections: Any = None) -> tuple[_Tensor, ...]:
    """tensor_split along the dimension that `hstack` joins along."""

def hspmm(mat1: _Tensor, mat2: _Tensor) -> _Tensor:
    """The product of a sparse and a strided matrix: its rows that may not be zero, as a hybrid."""

def hstack(tensors: Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Join along the second dimension, or the first of 1-d tensors."""

def hypot(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The length of the hypotenuse."""

def hypot_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def i0(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The modified Bessel function of the first kind, order 0."""

def i0_(input: _Tensor) -> _Tensor:
    """In-place form of `i0`."""

def igamma(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The regularized lower incomplete gamma function."""

def igamma_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `igamma`."""

def igammac(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The regularized upper incomplete gamma function."""

def igammac_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `igammac`."""

def imag(input: _Tensor) -> _Tensor:
    """A view of the imaginary part."""

def index_add(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    source: _Tensor,
    *,
    alpha: Any = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy with alpha * source added to the entries that `index` names."""

def index_add_(
    input: _Tensor, dim: _int, index: _Tensor, source: _Tensor, *, alpha: Any = 1
) -> _Tensor:
    """In-place form of `index_add`."""

def index_copy(
    input: _Tensor, dim: _int, index: _Tensor, source: _Tensor, *, out: _Tensor | None = None
) -> _Tensor:
    """A copy with the entries that `index` names replaced by those of `source`."""

def index_copy_(input: _Tensor, dim: _int, index: _Tensor, source: _Tensor) -> _Tensor:
    """In-place form of `index_copy`."""

def index_fill(input: _Tensor, dim: _int, index: _Tensor, value: Any) -> _Tensor:
    """A copy with the entries that `index` names filled with a number or 0-d tensor."""

def index_fill_(input: _Tensor, dim: _int, index: _Tensor, value: Any) -> _Tensor:
    """In-place form of `index_fill`."""

def index_put(input: _Tensor, indices: Any, values: _Tensor, accumulate: _bool = False) -> _Tensor:
    """A copy with `values` written (or added) at the places that the index tensors name."""

def index_put_(input: _Tensor, indices: Any, values: _Tensor, accumulate: _bool = False) -> _Tensor:
    """Write (or add) `values` at the places that the index tensors name."""

def index_reduce(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    source: _Tensor,
    reduce: _str,
    *,
    include_self: _bool = True,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy with `source` reduced into it ("prod", "mean", "amax", "amin") where `index` names."""

def index_reduce_(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    source: _Tensor,
    reduce: _str,
    *,
    include_self: _bool = True,
) -> _Tensor:
    """In-place form of `index_reduce`."""

def index_select(
    input: _Tensor, dim: _int, index: _Tensor, *, out: _Tensor | None = None
) -> _Tensor:
    """The entries of one dimension that a vector of places names."""

inf: _float

def initial_seed() -> _int:
    """The seed of the CPU's stream."""

def inner(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Sums of products over the last dimensions."""

def instance_norm(
    input: _Tensor,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: _bool,
    momentum: _float,
    eps: _float,
    cudnn_enabled: _bool,
) -> _Tensor:
    """Standardise each channel of each example, then scale and shift by channel."""

int: _dtype
int1: _dtype
int16: _dtype
int2: _dtype
int3: _dtype
int32: _dtype
int4: _dtype
int5: _dtype
int6: _dtype
int64: _dtype
int7: _dtype
int8: _dtype

def inverse(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverses of square matrices (..., n, n); LinAlgError where there is none."""

def is_complex(input: _Tensor) -> _bool:
    """Whether the elements are complex."""

def is_conj(input: _Tensor) -> _bool:
    """Whether the tensor's memory holds its conjugates."""

def is_deterministic_algorithms_warn_only_enabled() -> _bool:
    """What use_deterministic_algorithms was last given as warn_only."""

def is_distributed(input: _Tensor) -> _bool:
    """Whether the tensor is spread over processes; none is."""

def is_floating_point(input: _Tensor) -> _bool:
    """Whether the elements are floating-point numbers."""

def is_inference(input: _Tensor) -> _bool:
    """Whether the tensor was made in inference mode."""

def is_neg(input: _Tensor) -> _bool:
    """Whether the tensor's memory holds its negatives."""

def is_nonzero(input: _Tensor) -> _bool:
    """Whether the only element is not zero."""

def is_same_size(input: _Tensor, other: _Tensor) -> _bool:
    """Whether two tensors have the same shape."""

def is_signed(input: _Tensor) -> _bool:
    """Whether the dtype has negative values."""

def is_storage(obj: Any) -> _bool:
    """Whether `obj` is a storage."""

def is_tensor(obj: Any) -> _bool:
    """Whether `obj` is a tensor."""

def is_warn_always_enabled() -> _bool:
    """What set_warn_always was last given."""

def isclose(
    input: _Tensor,
    other: _Tensor,
    rtol: _float = 1e-05,
    atol: _float = 1e-08,
    equal_nan: _bool = False,
) -> _Tensor:
    """Whether |input - other| <= atol + rtol |other|, for each element."""

def isfinite(input: _Tensor) -> _Tensor:
    """Whether each element is neither infinite nor NaN."""

def isin(
    elements: Any,
    test_elements: Any,
    *,
    assume_unique: _bool = False,
    invert: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """Whether each element is among the test elements."""

def isinf(input: _Tensor) -> _Tensor:
    """Whether each element is infinite."""

def isnan(input: _Tensor) -> _Tensor:
    """Whether each element is NaN."""

def isneginf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Whether each element is -inf."""

def isposinf(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Whether each element is +inf."""

def isreal(input: _Tensor) -> _Tensor:
    """Whether the imaginary part of each element is 0."""

def istft(
    input: _Tensor,
    n_fft: _int,
    hop_length: _int | None = None,
    win_length: _int | None = None,
    window: Any = None,
    center: _bool = True,
    normalized: _bool = False,
    onesided: _bool | None = None,
    length: _int | None = None,
    return_complex: _bool = False,
) -> _Tensor:
    """The signal whose short-time transform is nearest to `input`, by least squares."""

jagged: _layout

def kaiser_window(
    window_length: _int,
    periodic: _bool = True,
    beta: _float = 12.0,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""

def kl_div(
    input: _Tensor, target: _Tensor, reduction: _int = 0, *, log_target: _bool = False
) -> _Tensor:
    """y (log y - x) of log-probabilities x."""

def kron(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The Kronecker product; the smaller rank is filled with ones in front."""

def kthvalue(
    input: _Tensor,
    k: _int,
    dim: _int = -1,
    keepdim: _bool = False,
    *,
    out: Sequence[_Tensor] | None = None,
) -> return_types.kthvalue:
    """The k-th smallest value along a dimension (k from 1), and its index."""

def layer_norm(
    input: _Tensor,
    normalized_shape: _int | Sequence[_int],
    weight: Any = None,
    bias: _Tensor | None = None,
    eps: _float = 1e-05,
    cudnn_enable: _bool = True,
) -> _Tensor:
    """Standardise over the last dimensions (`normalized_shape`), then scale and shift."""

def lcm(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The least common multiple."""

def lcm_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `lcm`."""

def ldexp(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """input times 2^other."""

def ldexp_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor:
    """In-place form of `ldexp`."""

def le(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input <= other."""

def le_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...

legacy_contiguous_format: _memory_format

def lerp(input: _Tensor, end: _Tensor, weight: Any, *, out: _Tensor | None = None) -> _Tensor:
    """input + weight (end - input)."""

def lerp_(input: _Tensor, end: _Tensor, weight: Any) -> _Tensor:
    """In-place form of `lerp`."""

def less(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input < other."""

def less_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def less_equal(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input <= other."""

def less_equal_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def lgamma(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm of |gamma(x)|."""

def lgamma_(input: _Tensor) -> _Tensor:
    """In-place form of `lgamma`."""

def linspace(
    start: Any,
    end: Any,
    steps: Any = None,
    *,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """`steps` values evenly spaced from `start` to `end`, both included."""

def log(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The natural logarithm."""

def log10(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm to base 10."""

def log10_(input: _Tensor) -> _Tensor:
    """In-place form of `log10`."""

def log1p(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """log(1 + x), exact near 0."""

def log1p_(input: _Tensor) -> _Tensor:
    """In-place form of `log1p`."""

def log2(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm to base 2."""

def log2_(input: _Tensor) -> _Tensor:
    """In-place form of `log2`."""

def log_(input: _Tensor) -> _Tensor:
    """In-place form of `log`."""

def log_softmax(
    input: _Tensor, dim: _int, dtype: _dtype | None = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The logarithm of softmax along a dimension, computed as one."""

def logaddexp(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """log(exp(x) + exp(y)) without overflow."""

def logaddexp2(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """log2(2^x + 2^y) without overflow."""

def logcumsumexp(input: _Tensor, dim: _int, *, out: _Tensor | None = None) -> _Tensor:
    """log(cumsum(exp(x))) along a dimension, without overflow."""

def logdet(input: _Tensor) -> _Tensor:
    """Natural logarithms of determinants; NaN where a real one is negative."""

def logical_and(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Logical and of the truth values of two tensors."""

def logical_and_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def logical_not(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Whether each element is zero."""

def logical_not_(input: _Tensor) -> _Tensor:
    """In-place form of `logical_not`."""

def logical_or(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Logical or of the truth values of two tensors."""

def logical_or_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def logical_xor(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Logical xor of the truth values of two tensors."""

def logical_xor_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def logit(input: _Tensor, eps: _float | None = None, *, out: _Tensor | None = None) -> _Tensor:
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if `eps` is given."""

def logit_(input: _Tensor, eps: _float | None = None) -> _Tensor:
    """In-place form of `logit`."""

def logspace(
    start: Any,
    end: Any,
    steps: Any = None,
    base: Any = 10.0,
    *,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Powers of `base` whose exponents are evenly spaced from `start` to `end`."""

def logsumexp(
    input: _Tensor,
    dim: _int | Sequence[_int] | None,
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """log(sum(exp(x))) over dimensions, without overflow."""

long: _dtype

def lstm(input: _Tensor, *args: Any) -> Any:
    """Layers of lstm over a sequence (T, B, *), or over packed data."""

def lstm_cell(
    input: _Tensor,
    hx: Any,
    w_ih: _Tensor,
    w_hh: _Tensor,
    b_ih: _Tensor | None = None,
    b_hh: _Tensor | None = None,
) -> tuple[_Tensor, _Tensor]:
    """One LSTM step: (N, H_in), (h, c) of (N, H) -> h, c."""

def lt(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input < other."""

def lt_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def lu(
    A: _Tensor, pivot: _bool = True, get_infos: _bool = False, out: Sequence[_Tensor] | None = None
) -> Any:
    """L and U in one array and the row exchanges (and info)."""

def lu_solve(
    input: _Tensor, LU_data: _Tensor, LU_pivots: _Tensor, *, out: _Tensor | None = None
) -> _Tensor:
    """The solution of A X = input from A's LU factors."""

def lu_unpack(
    LU_data: _Tensor,
    LU_pivots: _Tensor,
    unpack_data: _bool = True,
    unpack_pivots: _bool = True,
    *,
    out: Sequence[_Tensor] | None = None,
) -> return_types.lu_unpack:
    """P, L and U from the result of `lu_factor`; what is not unpacked is empty."""

def manual_seed(seed: Any) -> _Generator:
    """Restart the random streams of all devices from `int(seed)`; returns the CPU's."""

def margin_ranking_loss(
    input1: _Tensor, input2: _Tensor, target: _Tensor, margin: _float = 0.0, reduction: _int = 0
) -> _Tensor:
    """max(0, margin - target (x - y))."""

def masked_fill(input: _Tensor, mask: _Tensor, value: Any) -> _Tensor:
    """A copy with `value` (a number or 0-d tensor) where the bool `mask`, broadcast, is true."""

def masked_scatter(input: _Tensor, mask: _Tensor, source: _Tensor) -> _Tensor:
    """A copy with the elements of `source`, in order, where `mask` is true."""

def masked_scatter_(input: _Tensor, mask: _Tensor, source: _Tensor) -> _Tensor:
    """In-place form of `masked_scatter`."""

def masked_select(input: _Tensor, mask: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The elements where `mask` is true (both broadcast), as a 1-d copy."""

def matmul(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Matrix product; 1-d operands are vectors, leading dimensions broadcast."""

def matrix_exp(input: _Tensor) -> _Tensor:
    """The exponentials of square matrices."""

def matrix_power(input: _Tensor, n: _int, *, out: _Tensor | None = None) -> _Tensor:
    """The n-th powers of square matrices by repeated squaring; negative n invert first."""

@overload
def max(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""

@overload
def max(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""

@overload
def max(
    input: _Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[_Tensor] | None = None
) -> return_types.max:
    """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""

def max_pool1d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
) -> _Tensor:
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

def max_pool2d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
) -> _Tensor:
    """The largest element of each window over 2 axes."""

def max_pool3d(
    input: _Tensor,
    kernel_size: _int | Sequence[_int],
    stride: _int | Sequence[_int] | None = None,
    padding: Any = 0,
    dilation: _int | Sequence[_int] = 1,
    ceil_mode: _bool = False,
) -> _Tensor:
    """The largest element of each window over 3 axes."""

def maximum(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The larger of two elements; NaN if either is."""

def mean(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Mean over dimensions; floating point and complex only."""

@overload
def median(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The lower median of all, or (values, indices) along a dimension."""

@overload
def median(
    input: _Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[_Tensor] | None = None
) -> return_types.median:
    """The lower median of all, or (values, indices) along a dimension."""

def meshgrid(*tensors: Any, indexing: _str | None = None) -> tuple[_Tensor, ...]:
    """Grids of coordinates from vectors: "ij" puts the first vector along rows, "xy" swaps."""

@overload
def min(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""

@overload
def min(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""

@overload
def min(
    input: _Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[_Tensor] | None = None
) -> return_types.min:
    """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""

def minimum(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The smaller of two elements; NaN if either is."""

def mm(input: _Tensor, mat2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Product of two matrices."""

def mode(
    input: _Tensor, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[_Tensor] | None = None
) -> return_types.mode:
    """The smallest most frequent value along a dimension, and its last index."""

def moveaxis(input: _Tensor, source: Any, destination: Any) -> _Tensor:
    """A view with some dimensions moved, the others keeping their order."""

def movedim(input: _Tensor, source: Any, destination: Any) -> _Tensor:
    """A view with some dimensions moved, the others keeping their order."""

def msort(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The tensor in order along its first dimension."""

def mul(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Product of two tensors."""

def mul_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor: ...
def multinomial(
    input: _Tensor,
    num_samples: _int,
    replacement: _bool = False,
    *,
    generator: _Generator | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Indices drawn with the weights in (each row of) `input`."""

def multiply(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Product of two tensors."""

def multiply_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor: ...
def mv(input: _Tensor, vec: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Product of a matrix and a vector."""

def mvlgamma(input: _Tensor, p: _int, *, out: _Tensor | None = None) -> _Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`."""

def mvlgamma_(input: _Tensor, p: _int) -> _Tensor:
    """In-place form of `mvlgamma`."""

nan: _float

def nan_to_num(
    input: _Tensor,
    nan: Any = None,
    posinf: Any = None,
    neginf: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """NaN and infinities replaced; by default by 0 and the type's extreme numbers."""

def nan_to_num_(input: _Tensor, nan: Any = None, posinf: Any = None, neginf: Any = None) -> _Tensor:
    """In-place form of `nan_to_num`."""

def nanmean(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Mean over dimensions of what is not NaN."""

@overload
def nanmedian(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The lower median of all, or (values, indices) along a dimension."""

@overload
def nanmedian(
    input: _Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[_Tensor] | None = None
) -> return_types.nanmedian:
    """The lower median of all, or (values, indices) along a dimension."""

def nanquantile(
    input: _Tensor,
    q: Any,
    dim: Any = None,
    keepdim: _bool = False,
    *,
    interpolation: _str = "linear",
    out: _Tensor | None = None,
) -> _Tensor:
    """The q-quantiles of what is not NaN."""

def nansum(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Sum over dimensions with NaN counted as zero."""

def narrow(input: _Tensor, dim: _int, start: Any, length: _int) -> _Tensor:
    """A view of `length` entries of one dimension, from `start` (an int or 0-d tensor) on."""

def narrow_copy(
    input: _Tensor, dim: _int, start: Any, length: _int, *, out: _Tensor | None = None
) -> _Tensor:
    """A copy of what `narrow` would show."""

def native_batch_norm(
    input: _Tensor,
    weight: Any,
    bias: _Tensor | None,
    running_mean: _Tensor | None,
    running_var: _Tensor | None,
    training: _bool,
    momentum: _float,
    eps: _float,
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """(batch_norm, mean, reciprocal deviation); the statistics are empty in evaluation."""

def native_channel_shuffle(input: _Tensor, groups: _int) -> _Tensor:
    """Interleave the channels of `groups` groups."""

def native_dropout(input: _Tensor, p: _float, train: Any) -> tuple[_Tensor, _Tensor]:
    """(dropout's result, the mask of what it kept)."""

def native_group_norm(
    input: _Tensor, weight: Any, bias: Any, N: _int, C: _int, HxW: _int, group: _int, eps: _float
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """(group_norm, mean, reciprocal deviation), statistics of shape (N, groups)."""

def native_layer_norm(
    input: _Tensor, normalized_shape: Any, weight: Any, bias: Any, eps: _float
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """(layer_norm, mean, reciprocal deviation)."""

def ne(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input != other."""

def ne_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def neg(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The tensor with its sign changed."""

def neg_(input: _Tensor) -> _Tensor:
    """In-place form of `neg`."""

def negative(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The tensor with its sign changed."""

def negative_(input: _Tensor) -> _Tensor:
    """In-place form of `neg`."""

newaxis: None

def nextafter(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """The next number after input in the direction of other."""

def nextafter_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
@overload
def nonzero(
    input: _Tensor, *, as_tuple: Literal[False] = False, out: _Tensor | None = None
) -> _Tensor:
    """The places of the nonzero elements: rows of an (n, ndim) tensor, or a tuple of columns."""

@overload
def nonzero(
    input: _Tensor, *, as_tuple: Literal[True], out: Sequence[_Tensor] | None = None
) -> tuple[_Tensor, ...]:
    """The places of the nonzero elements: rows of an (n, ndim) tensor, or a tuple of columns."""

def nonzero_static(
    input: _Tensor, *, size: _int, fill_value: _int = -1, out: _Tensor | None = None
) -> _Tensor:
    """`nonzero` cut or filled with `fill_value` to `size` rows."""

def norm(
    input: _Tensor,
    p: Any = "fro",
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Vector norm over all or some dimensions; "nuc" is the nuclear norm of matrices."""

def norm_except_dim(v: _Tensor, pow: _int = 2, dim: _int = 0) -> _Tensor:
    """The norms over all dimensions but one, which stays (-1: over all); for weight norm."""

def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: _Generator | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """Normal numbers: of one mean and deviation in `size`, or of a tensor of either."""

def not_equal(
    input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_, *, out: _Tensor | None = None
) -> _Tensor:
    """Whether input != other."""

def not_equal_(input: _Tensor, other: _Tensor | _complex | _number[Any] | _bool_) -> _Tensor: ...
def nuclear_norm(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The sum of the singular values of the matrices in two dimensions, by default the last."""

def numel(input: _Tensor) -> _int:
    """The number of elements."""

def ones(
    *args: _int | Sequence[_int],
    size: Any = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Ones of the given sizes."""

def ones_like(
    input: _Tensor,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Ones of a tensor's sizes, dtype, device and memory order."""

def orgqr(input: _Tensor, tau: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The first n columns of the product of Householder reflections (..., m, n)."""

def ormqr(
    input: _Tensor,
    tau: _Tensor,
    other: _Tensor,
    left: _bool = True,
    transpose: _bool = False,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The product of the full Q of Householder reflections (or its adjoint) with `other`."""

def outer(input: _Tensor, vec2: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Outer product of two vectors."""

def pairwise_distance(
    x1: _Tensor, x2: _Tensor, p: _float = 2.0, eps: _float = 1e-06, keepdim: _bool = False
) -> _Tensor:
    """The norm of order p of x1 - x2 + eps along the last dimension."""

def pca_lowrank(
    A: _Tensor, q: Any = None, center: _bool = True, niter: _int = 2
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """U, S, V of an approximation of rank q of A with its column means removed."""

def pdist(input: _Tensor, p: _float = 2) -> _Tensor:
    """Norms of order p of the differences of rows i < j of a matrix, in one row."""

per_channel_affine: Any
per_channel_affine_float_qparams: Any
per_channel_symmetric: Any
per_tensor_affine: Any
per_tensor_symmetric: Any

@overload
def permute(input: _Tensor, *dims: _int | Sequence[_int]) -> _Tensor:
    """A view with the dimensions in another order."""

@overload
def permute(input: _Tensor, *, dims: Sequence[_int]) -> _Tensor:
    """A view with the dimensions in another order."""

@overload
def permute_copy(
    input: _Tensor, *dims: _int | Sequence[_int], out: _Tensor | None = None
) -> _Tensor:
    """A copy of what `permute` would show."""

@overload
def permute_copy(input: _Tensor, *, dims: Sequence[_int]) -> _Tensor:
    """A copy of what `permute` would show."""

pi: _float

def pinverse(input: _Tensor, rcond: _float = 1e-15) -> _Tensor:
    """The Moore-Penrose pseudo-inverses; `rcond` is the relative cutoff."""

def pixel_shuffle(input: _Tensor, upscale_factor: _int) -> _Tensor:
    """Spread r*r channels over r x r pixels: (*, C r^2, H, W) to (*, C, H r, W r)."""

def pixel_unshuffle(input: _Tensor, downscale_factor: _int) -> _Tensor:
    """Gather r x r pixels into channels: (*, C, H r, W r) to (*, C r^2, H, W)."""

def poisson(input: _Tensor, generator: _Generator | None = None) -> _Tensor:
    """Poisson counts of the rates in `input`."""

def poisson_nll_loss(
    input: _Tensor, target: _Tensor, log_input: _bool, full: _bool, eps: _float, reduction: _int
) -> _Tensor:
    """The negative log-likelihood of Poisson counts."""

def polar(abs: _Tensor, angle: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Complex numbers with the given magnitudes and angles."""

def polygamma(n: _int, input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The n-th derivative of digamma."""

def positive(input: _Tensor) -> _Tensor:
    """The tensor itself."""

def pow(
    input: _Tensor | _complex | _number[Any] | _bool_,
    exponent: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Each element to the power of `exponent`."""

def pow_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    exponent: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `pow`."""

def prelu(input: _Tensor, weight: _Tensor) -> _Tensor:
    """x where it is positive, else weight x; one weight, or one a channel (dimension 1)."""

preserve_format: _memory_format

def prod(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Product over one dimension, or over all; integers and bools multiply to int64."""

def promote_types(type1: Any, type2: Any) -> _dtype:
    """The smallest dtype that both may be cast to."""

def put(input: _Tensor, index: _Tensor, source: _Tensor, accumulate: _bool = False) -> _Tensor:
    """A copy with `source` written (or added) at places of the flattened tensor."""

def put_(input: _Tensor, index: _Tensor, source: _Tensor, accumulate: _bool = False) -> _Tensor:
    """In-place form of `put`."""

qint32: _dtype
qint8: _dtype

def qr(
    input: _Tensor, some: _bool = True, *, out: Sequence[_Tensor] | None = None
) -> return_types.qr:
    """Q with orthonormal columns and upper triangular R."""

def quantile(
    input: _Tensor,
    q: Any,
    dim: Any = None,
    keepdim: _bool = False,
    *,
    interpolation: _str = "linear",
    out: _Tensor | None = None,
) -> _Tensor:
    """The q-quantiles of all elements or along a dimension; several q give a first dimension."""

quint2x4: _dtype
quint4x2: _dtype
quint8: _dtype

def rad2deg(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Radians as degrees."""

def rad2deg_(input: _Tensor) -> _Tensor:
    """In-place form of `rad2deg`."""

def rand(
    *args: _int | Sequence[_int],
    size: Any = None,
    generator: _Generator | None = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> _Tensor:
    """Uniform numbers of [0, 1)."""

def rand_like(
    input: _Tensor,
    *,
    generator: _Generator | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Uniform numbers in a tensor's sizes and dtype."""

def randint(
    *args: Any,
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: _Generator | None = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> _Tensor:
    """Integers of [low, high)."""

def randint_like(
    input: _Tensor,
    *args: Any,
    low: Any = None,
    high: Any = None,
    generator: _Generator | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Integers of [low, high) in a tensor's sizes and dtype."""

def randn(
    *args: _int | Sequence[_int],
    size: Any = None,
    generator: _Generator | None = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> _Tensor:
    """Standard normal numbers."""

def randn_like(
    input: _Tensor,
    *,
    generator: _Generator | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Standard normal numbers in a tensor's sizes and dtype."""

def randperm(
    n: _int,
    *,
    generator: _Generator | None = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> _Tensor:
    """The integers below n in random order."""

def range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Values from `start` to `end` inclusive, `step` apart (deprecated: use arange)."""

def ravel(input: _Tensor) -> _Tensor:
    """All elements in one dimension; a view where possible."""

def real(input: _Tensor) -> _Tensor:
    """A view of the real part; the tensor itself if it is real."""

def reciprocal(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """One over each element."""

def reciprocal_(input: _Tensor) -> _Tensor:
    """In-place form of `reciprocal`."""

def relu(input: _Tensor) -> _Tensor:
    """Each element, or 0 where that is larger."""

def relu_(input: _Tensor) -> _Tensor:
    """In-place form of `relu`."""

def remainder(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Remainder of division with the divisor's sign."""

def remainder_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `remainder`."""

def renorm(
    input: _Tensor, p: Any, dim: _int, maxnorm: Any, *, out: _Tensor | None = None
) -> _Tensor:
    """Scale down each slice along `dim` whose p-norm exceeds `maxnorm` to that norm."""

def renorm_(input: _Tensor, p: Any, dim: _int, maxnorm: Any) -> _Tensor:
    """In-place form of `renorm`."""

def repeat_interleave(
    input: Any = None,
    repeats: Any = None,
    dim: _int | None = None,
    *,
    output_size: _int | None = None,
) -> _Tensor:
    """Each entry of a dimension (None: of the flattened tensor) repeated, `repeats` times."""

@overload
def reshape(input: _Tensor, *shape: _int | Sequence[_int]) -> _Tensor:
    """The same elements in another shape; a view where possible."""

@overload
def reshape(input: _Tensor, *, shape: Sequence[_int]) -> _Tensor:
    """The same elements in another shape; a view where possible."""

def resize_as_(
    input: _Tensor, the_template: _Tensor, *, memory_format: _memory_format | None = None
) -> _Tensor:
    """`resize_` to the sizes of another tensor."""

def resolve_conj(input: _Tensor) -> _Tensor:
    """The tensor, or a copy of it where its memory holds its conjugates."""

def resolve_neg(input: _Tensor) -> _Tensor:
    """The tensor, or a copy of it where its memory holds its negatives."""

def result_type(tensor1: Any, tensor2: Any) -> _dtype:
    """The dtype that an op on both (tensors or numbers) gives."""

def rms_norm(input: _Tensor, normalized_shape: Any, weight: Any = None, eps: Any = None) -> _Tensor:
    """Divide by the root mean square over the last dimensions, then scale."""

def rnn_relu(input: _Tensor, *args: Any) -> Any:
    """Layers of rnn_relu over a sequence (T, B, *), or over packed data."""

def rnn_relu_cell(
    input: _Tensor,
    hx: _Tensor,
    w_ih: _Tensor,
    w_hh: _Tensor,
    b_ih: _Tensor | None = None,
    b_hh: _Tensor | None = None,
) -> _Tensor:
    """One relu RNN step: (N, H_in), (N, H) -> (N, H)."""

def rnn_tanh(input: _Tensor, *args: Any) -> Any:
    """Layers of rnn_tanh over a sequence (T, B, *), or over packed data."""

def rnn_tanh_cell(
    input: _Tensor,
    hx: _Tensor,
    w_ih: _Tensor,
    w_hh: _Tensor,
    b_ih: _Tensor | None = None,
    b_hh: _Tensor | None = None,
) -> _Tensor:
    """One tanh RNN step: (N, H_in), (N, H) -> (N, H)."""

def roll(input: _Tensor, shifts: Any, dims: Any = ()) -> _Tensor:
    """The elements moved cyclically along dimensions (none named: along the flattened tensor)."""

def rot90(input: _Tensor, k: _int = 1, dims: Any = (0, 1)) -> _Tensor:
    """The tensor turned by k * 90 degrees in the plane of two dimensions."""

def round(input: _Tensor, *, decimals: _int = 0, out: _Tensor | None = None) -> _Tensor:
    """Each element rounded to `decimals` digits, halves to the even neighbour."""

def round_(input: _Tensor, *, decimals: _int = 0) -> _Tensor:
    """In-place form of `round`."""

def row_stack(tensors: Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Join along the first dimension; 1-d tensors are rows."""

def rrelu(
    input: _Tensor,
    lower: _float = 0.125,
    upper: _float = 0.3333333333333333,
    training: _bool = False,
    generator: Any = None,
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

def rsqrt(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """One over the square root."""

def rsqrt_(input: _Tensor) -> _Tensor:
    """In-place form of `rsqrt`."""

def rsub(input: _Tensor, other: Any, *, alpha: Any = 1) -> _Tensor:
    """`other` minus `alpha` times the tensor."""

def scalar_tensor(
    s: Any,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """A 0-dimensional tensor of one number, of the default dtype unless one is given."""

def scatter(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: _str | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy with out[index[i][j]][j] = src[i][j] for dim 0, and so on; src may be a number."""

def scatter_(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: _str | None = None,
) -> _Tensor:
    """In-place form of `scatter`."""

def scatter_add(
    input: _Tensor, dim: _int, index: _Tensor, src: _Tensor, *, out: _Tensor | None = None
) -> _Tensor:
    """A copy with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""

def scatter_add_(input: _Tensor, dim: _int, index: _Tensor, src: _Tensor) -> _Tensor:
    """In-place form of `scatter_add`."""

def scatter_reduce(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    src: _Tensor,
    reduce: _str,
    *,
    include_self: _bool = True,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy with src reduced into it by "sum", "prod", "mean", "amax" or "amin"."""

def scatter_reduce_(
    input: _Tensor,
    dim: _int,
    index: _Tensor,
    src: _Tensor,
    reduce: _str,
    *,
    include_self: _bool = True,
) -> _Tensor:
    """In-place form of `scatter_reduce`."""

def searchsorted(
    sorted_sequence: _Tensor,
    input: Any,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    side: Any = None,
    sorter: Any = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Where to insert each value so that the last dimension stays sorted; int64 or int32."""

def seed() -> _int:
    """Restart the random streams from entropy; returns the seed."""

def segment_reduce(
    data: _Tensor,
    reduce: _str,
    *,
    lengths: Any = None,
    indices: Any = None,
    offsets: Any = None,
    axis: _int = 0,
    unsafe: _bool = False,
    initial: Any = None,
) -> _Tensor:
    """Reduce each segment of `axis`: of the given lengths, or between neighbouring offsets."""

def select(input: _Tensor, dim: _int, index: _int) -> _Tensor:
    """A view of one entry of a dimension, which it removes."""

def select_copy(input: _Tensor, dim: _int, index: _int, *, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `select` would show."""

def select_scatter(input: _Tensor, src: _Tensor, dim: _int, index: _int) -> _Tensor:
    """A copy with one entry of a dimension replaced by `src`."""

def selu(input: _Tensor) -> _Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (arXiv 1706.02515)."""

def selu_(input: _Tensor) -> _Tensor:
    """In-place form of `selu`."""

def set_default_device(device: _str | _int | _device) -> None:
    """Set the device of tensors that are made without one (None: cpu)."""

def set_default_tensor_type(t: Any) -> None:
    """Set default dtype and device by an old type name (deprecated)."""

def set_deterministic_debug_mode(debug_mode: Any) -> None:
    """Set both determinism switches by one word or number."""

def set_float32_matmul_precision(precision: _str) -> None:
    """Remember a precision; lower ones allow, but do not force, coarser products."""

def set_flush_denormal(mode: _bool) -> _bool:
    """False: denormal numbers cannot be flushed here."""

def set_num_interop_threads(int: Any) -> None:
    """Remember a number of threads between ops."""

def set_num_threads(int: Any) -> None:
    """Set the number of threads that CPU kernels may use; results do not depend on it."""

def set_printoptions(
    precision: Any = None,
    threshold: Any = None,
    edgeitems: Any = None,
    linewidth: Any = None,
    profile: Any = None,
    sci_mode: Any = None,
) -> None:
    """Set digits, the element count to summarise from, items kept at edges, and line width."""

def set_rng_state(new_state: Any) -> None:
    """Continue the CPU's stream from a state that `get_rng_state` gave."""

def set_warn_always(b: _bool) -> None:
    """Remember whether repeated warnings are wanted (Python's filters decide)."""

def sgn(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The sign; of a complex number, the one of magnitude 1 in its direction."""

def sgn_(input: _Tensor) -> _Tensor:
    """In-place form of `sgn`."""

short: _dtype

def sigmoid(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """1 / (1 + exp(-x))."""

def sigmoid_(input: _Tensor) -> _Tensor:
    """In-place form of `sigmoid`."""

def sign(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """-1, 0 or 1 with the sign of each element."""

def sign_(input: _Tensor) -> _Tensor:
    """In-place form of `sign`."""

def signbit(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Whether the sign bit is set; true of -0."""

def sin(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The sine."""

def sin_(input: _Tensor) -> _Tensor:
    """In-place form of `sin`."""

def sinc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """sin(pi x)/(pi x), 1 at 0."""

def sinc_(input: _Tensor) -> _Tensor:
    """In-place form of `sinc`."""

def sinh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The hyperbolic sine."""

def sinh_(input: _Tensor) -> _Tensor:
    """In-place form of `sinh`."""

def slice_copy(
    input: _Tensor,
    dim: _int = 0,
    start: Any = None,
    end: Any = None,
    step: _int = 1,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy of what `slice` would show."""

def slice_scatter(
    input: _Tensor,
    src: _Tensor,
    dim: _int = 0,
    start: Any = None,
    end: Any = None,
    step: _int = 1,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """A copy with start:end:step of a dimension replaced by `src`."""

def slogdet(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> return_types.slogdet:
    """Sign (or phase) and natural logarithm of the magnitude of determinants."""

def smm(input: _Tensor, mat2: _Tensor) -> _Tensor:
    """The product of a sparse and a strided matrix, all of its elements stored, in coordinates."""

def softmax(
    input: _Tensor, dim: _int, dtype: _dtype | None = None, *, out: _Tensor | None = None
) -> _Tensor:
    """exp(x) divided by its sum along a dimension."""

def sort(
    input: _Tensor,
    dim: _int = -1,
    descending: _bool = False,
    *,
    stable: _bool = False,
    out: Sequence[_Tensor] | None = None,
) -> return_types.sort:
    """(values, indices) in order along a dimension; if `stable`, equal values keep theirs."""

sparse_bsc: _layout

def sparse_bsc_tensor(
    ccol_indices: Any,
    row_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
) -> _Tensor:
    """A tensor of compressed columns of blocks; see `sparse_compressed_tensor`."""

sparse_bsr: _layout

def sparse_bsr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
) -> _Tensor:
    """A tensor of compressed rows of blocks; see `sparse_compressed_tensor`."""

def sparse_compressed_tensor(
    compressed_indices: Any,
    plain_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
) -> _Tensor:
    """A tensor in a compressed `layout`: where rows (columns) begin, where elements are, and they."""

sparse_coo: _layout

def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
    is_coalesced: _bool | None = None,
) -> _Tensor:
    """A tensor in coordinates: places (sparse_dim, nnz), elements (nnz, *dense sizes), and a size."""

sparse_csc: _layout

def sparse_csc_tensor(
    ccol_indices: Any,
    row_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
) -> _Tensor:
    """A tensor of compressed columns; see `sparse_compressed_tensor`."""

sparse_csr: _layout

def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    check_invariants: _bool | None = None,
) -> _Tensor:
    """A tensor of compressed rows; see `sparse_compressed_tensor`."""

def split(input: _Tensor, split_size_or_sections: Any = None, dim: _int = 0) -> tuple[_Tensor, ...]:
    """A tuple of views of `split_size` entries each (the last may be smaller) or of given sizes."""

def split_copy(
    input: _Tensor,
    split_size_or_sections: Any = None,
    dim: _int = 0,
    *,
    out: Sequence[_Tensor] | None = None,
) -> tuple[_Tensor, ...]:
    """A copy of what `split` would show."""

def split_with_sizes(input: _Tensor, split_sizes: Any, dim: _int = 0) -> tuple[_Tensor, ...]:
    """A tuple of views of the given lengths, which must add up to the dimension."""

def split_with_sizes_copy(
    input: _Tensor, split_sizes: Any, dim: _int = 0, *, out: Sequence[_Tensor] | None = None
) -> tuple[_Tensor, ...]:
    """A copy of what `split_with_sizes` would show."""

def spmm(input: _Tensor, mat2: _Tensor) -> _Tensor:
    """The product of a sparse and a strided matrix."""

def sqrt(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The square root."""

def sqrt_(input: _Tensor) -> _Tensor:
    """In-place form of `sqrt`."""

def square(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The square of each element."""

def square_(input: _Tensor) -> _Tensor:
    """In-place form of `square`."""

def squeeze(input: _Tensor, dim: _int | Sequence[_int] | None = None) -> _Tensor:
    """A view without the dimensions of size one (all, or those among `dim`)."""

def squeeze_copy(input: _Tensor, dim: Any = None, *, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `squeeze` would show."""

def stack(tensors: Sequence[_Tensor], dim: _int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """Join tensors of one shape along a new dimension."""

def std(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    keepdim: _bool = False,
    *,
    correction: Any = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Standard deviation over dimensions, real."""

def std_mean(
    input: _Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: _bool = False,
    *,
    correction: Any = None,
) -> tuple[_Tensor, _Tensor]:
    """(standard deviation, mean) over dimensions."""

def stft(
    input: _Tensor,
    n_fft: _int,
    hop_length: _int | None = None,
    win_length: _int | None = None,
    window: Any = None,
    center: _bool = True,
    pad_mode: _str = "reflect",
    normalized: _bool = False,
    onesided: _bool | None = None,
    return_complex: _bool | None = None,
    align_to_window: _bool | None = None,
) -> _Tensor:
    """Fourier transforms of overlapping windows: (..., frequencies, frames)."""

strided: _layout

def sub(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    alpha: _complex = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """Difference of two tensors, the second one scaled by `alpha`."""

def sub_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    alpha: _complex = 1,
) -> _Tensor: ...
def subtract(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    alpha: _complex = 1,
    out: _Tensor | None = None,
) -> _Tensor:
    """Difference of two tensors, the second one scaled by `alpha`."""

def subtract_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    alpha: _complex = 1,
) -> _Tensor: ...
def sum(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Sum over dimensions; integers and bools sum to int64."""

def svd(
    input: _Tensor,
    some: _bool = True,
    compute_uv: _bool = True,
    *,
    out: Sequence[_Tensor] | None = None,
) -> return_types.svd:
    """U, S (descending) and V with input = U diag(S) Vᴴ; zeros for U, V without `compute_uv`."""

def svd_lowrank(
    A: _Tensor, q: _int = 6, niter: _int = 2, M: Any = None
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """U, S, V of an approximation of rank q of A - M, by random projections."""

def swapaxes(input: _Tensor, axis0: _int, axis1: _int) -> _Tensor:
    """`transpose` by its NumPy name."""

def swapdims(input: _Tensor, dim0: _int, dim1: _int) -> _Tensor:
    """`transpose` by another name."""

def sym_sqrt(a: Any) -> _float: ...
def t(input: _Tensor) -> _Tensor:
    """The transpose of a matrix; tensors of up to 1-d unchanged."""

def t_copy(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `t` would show."""

def take(input: _Tensor, index: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Elements of the flattened tensor; has the shape of `index`."""

def take_along_dim(
    input: _Tensor,
    indices: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """gather with `input` and `indices` broadcast against each other; dim None flattens both."""

def tan(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The tangent."""

def tan_(input: _Tensor) -> _Tensor:
    """In-place form of `tan`."""

def tanh(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The hyperbolic tangent."""

def tanh_(input: _Tensor) -> _Tensor:
    """In-place form of `tanh`."""

def tensor(
    data: _object,
    *,
    dtype: _dtype | None = None,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> _Tensor:
    """A new leaf tensor with a copy of `data`."""

def tensor_split(input: _Tensor, indices_or_sections: Any, dim: _int = 0) -> tuple[_Tensor, ...]:
    """A tuple of views: so many nearly equal parts, or parts that end at the given places."""

def tensordot(a: _Tensor, b: _Tensor, dims: Any = 2, *, out: _Tensor | None = None) -> _Tensor:
    """Contract `a` and `b` over the given dimensions."""

def threshold(
    input: _Tensor, threshold: _float, value: _float, *, out: _Tensor | None = None
) -> _Tensor:
    """x where it exceeds the threshold, else `value`."""

def threshold_(input: _Tensor, threshold: _float, value: _float) -> _Tensor:
    """In-place form of `threshold`."""

@overload
def tile(input: _Tensor, *dims: Any) -> _Tensor:
    """Copies of the tensor side by side, `dims` times along each dimension."""

@overload
def tile(input: _Tensor, *, dims: Sequence[_int]) -> _Tensor:
    """Copies of the tensor side by side, `dims` times along each dimension."""

def topk(
    input: _Tensor,
    k: _int,
    dim: _int = -1,
    largest: _bool = True,
    sorted: _bool = True,
    *,
    out: Sequence[_Tensor] | None = None,
) -> return_types.topk:
    """(values, indices) of the k largest (or smallest) entries of a dimension, best first."""

def trace(input: _Tensor) -> _Tensor:
    """The sum of the diagonal of a matrix."""

def transpose(input: _Tensor, dim0: _int, dim1: _int) -> _Tensor:
    """A view with two dimensions swapped."""

def transpose_copy(
    input: _Tensor, dim0: _int, dim1: _int, *, out: _Tensor | None = None
) -> _Tensor:
    """A copy of what `transpose` would show."""

def trapezoid(y: _Tensor, x: Any = None, *, dx: Any = None, dim: _int = -1) -> _Tensor:
    """The integral along a dimension by the trapezoid rule, sample points `x` or `dx` apart."""

def trapz(y: _Tensor, x: Any = None, *, dx: Any = None, dim: _int = -1) -> _Tensor:
    """The integral along a dimension by the trapezoid rule, sample points `x` or `dx` apart."""

def triangular_solve(
    input: _Tensor,
    A: _Tensor,
    upper: _bool = True,
    transpose: _bool = False,
    unitriangular: _bool = False,
    *,
    out: Sequence[_Tensor] | None = None,
) -> return_types.triangular_solve:
    """The solution of A X = input for triangular A, and A."""

def tril(input: _Tensor, diagonal: _int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The lower triangle of each matrix, zero elsewhere."""

def tril_(input: _Tensor, diagonal: _int = 0) -> _Tensor:
    """In-place form of `tril`."""

def tril_indices(
    row: _int,
    col: _int,
    offset: _int = 0,
    *,
    dtype: _dtype = ...,
    device: _str | _int | _device | None = None,
    layout: _layout | None = None,
    pin_memory: _bool = False,
) -> _Tensor:
    """A (2, n) tensor with the row and column of each element of a triangle."""

def triplet_margin_loss(
    anchor: _Tensor,
    positive: _Tensor,
    negative: _Tensor,
    margin: _float = 1.0,
    p: _float = 2.0,
    eps: _float = 1e-06,
    swap: _bool = False,
    reduction: _int = 0,
) -> _Tensor:
    """max(0, |a - p| - |a - n| + margin) by norms of order p."""

def triu(input: _Tensor, diagonal: _int = 0, *, out: _Tensor | None = None) -> _Tensor:
    """The upper triangle of each matrix, zero elsewhere."""

def triu_(input: _Tensor, diagonal: _int = 0) -> _Tensor:
    """In-place form of `triu`."""

def triu_indices(
    row: _int,
    col: _int,
    offset: _int = 0,
    *,
    dtype: _dtype = ...,
    device: _str | _int | _device | None = None,
    layout: _layout | None = None,
    pin_memory: _bool = False,
) -> _Tensor:
    """A (2, n) tensor with the row and column of each element of a triangle."""

def true_divide(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Quotient of two tensors; of integers, a float."""

def true_divide_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor: ...
def trunc(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Each element without its fraction."""

def trunc_(input: _Tensor) -> _Tensor:
    """In-place form of `trunc`."""

def typename(obj: Any) -> _str:
    """A value's type as torch names it: torch.FloatTensor, int ..."""

uint1: _dtype
uint16: _dtype
uint2: _dtype
uint3: _dtype
uint32: _dtype
uint4: _dtype
uint5: _dtype
uint6: _dtype
uint64: _dtype
uint7: _dtype
uint8: _dtype

def unbind(input: _Tensor, dim: _int = 0) -> tuple[_Tensor, ...]:
    """A tuple of views of all the entries along a dimension."""

def unbind_copy(
    input: _Tensor, dim: _int = 0, *, out: Sequence[_Tensor] | None = None
) -> tuple[_Tensor, ...]:
    """A copy of what `unbind` would show."""

def unflatten(input: _Tensor, dim: _int, sizes: Any) -> _Tensor:
    """Split one dimension into several; one of the sizes may be -1."""

def unfold_copy(
    input: _Tensor, dimension: _int, size: _int, step: _int, *, out: _Tensor | None = None
) -> _Tensor:
    """A copy of what `unfold` would show."""

@overload
def unique(
    input: _Tensor,
    sorted: _bool = True,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    dim: _int | None = None,
) -> _Tensor:
    """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""

@overload
def unique(
    input: _Tensor,
    sorted: _bool = True,
    *,
    return_inverse: Literal[True],
    return_counts: Literal[False] = False,
    dim: _int | None = None,
) -> tuple[_Tensor, _Tensor]:
    """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""

@overload
def unique(
    input: _Tensor,
    sorted: _bool = True,
    *,
    return_inverse: Literal[False] = False,
    return_counts: Literal[True],
    dim: _int | None = None,
) -> tuple[_Tensor, _Tensor]:
    """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""

@overload
def unique(
    input: _Tensor,
    sorted: _bool = True,
    *,
    return_inverse: Literal[True],
    return_counts: Literal[True],
    dim: _int | None = None,
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""

@overload
def unique_consecutive(
    input: _Tensor,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    dim: _int | None = None,
) -> _Tensor:
    """The first of every run of equal values (or slices along `dim`), with inverse and counts."""

@overload
def unique_consecutive(
    input: _Tensor,
    *,
    return_inverse: Literal[True],
    return_counts: Literal[False] = False,
    dim: _int | None = None,
) -> tuple[_Tensor, _Tensor]:
    """The first of every run of equal values (or slices along `dim`), with inverse and counts."""

@overload
def unique_consecutive(
    input: _Tensor,
    *,
    return_inverse: Literal[False] = False,
    return_counts: Literal[True],
    dim: _int | None = None,
) -> tuple[_Tensor, _Tensor]:
    """The first of every run of equal values (or slices along `dim`), with inverse and counts."""

@overload
def unique_consecutive(
    input: _Tensor,
    *,
    return_inverse: Literal[True],
    return_counts: Literal[True],
    dim: _int | None = None,
) -> tuple[_Tensor, _Tensor, _Tensor]:
    """The first of every run of equal values (or slices along `dim`), with inverse and counts."""

def unravel_index(indices: _Tensor, shape: Any) -> tuple[_Tensor, ...]:
    """Flat places as a tuple of coordinates in `shape`."""

def unsafe_chunk(input: _Tensor, chunks: _int, dim: _int = 0) -> tuple[_Tensor, ...]:
    """Like `chunk`, with parts that may be changed in place."""

def unsafe_split(input: _Tensor, split_size: _int, dim: _int = 0) -> tuple[_Tensor, ...]:
    """Like `split`, with parts that may be changed in place."""

def unsafe_split_with_sizes(input: _Tensor, split_sizes: Any, dim: _int = 0) -> tuple[_Tensor, ...]:
    """Like `split_with_sizes`, with parts that may be changed in place."""

def unsqueeze(input: _Tensor, dim: _int) -> _Tensor:
    """A view with a dimension of size one inserted before `dim`."""

def unsqueeze_copy(input: _Tensor, dim: _int, *, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `unsqueeze` would show."""

def use_deterministic_algorithms(mode: _bool, *, warn_only: _bool = False) -> None:
    """Remember the wish (every op is deterministic anyhow) and mark memory nobody has written."""

def vander(x: _Tensor, N: _int | None = None, increasing: _bool = False) -> _Tensor:
    """The matrix of powers of a vector's elements."""

def var(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    keepdim: _bool = False,
    *,
    correction: Any = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Variance over dimensions, real; the divisor is max(0, n - correction), 1 by default."""

def var_mean(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    keepdim: _bool = False,
    *,
    correction: Any = None,
) -> tuple[_Tensor, _Tensor]:
    """(variance, mean) over dimensions."""

def vdot(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Inner product of two vectors, the first conjugated."""

def view_as_complex(input: _Tensor) -> _Tensor:
    """A complex view of a tensor whose last dimension holds real and imaginary parts."""

def view_as_complex_copy(input: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `view_as_complex` would show."""

def view_as_real(input: _Tensor) -> _Tensor:
    """A view with a last dimension of size 2, the real and imaginary parts."""

def view_as_real_copy(input: _Tensor, *, out: Sequence[_Tensor] | None = None) -> Any:
    """A copy of what `view_as_real` would show."""

@overload
def view_copy(input: _Tensor, *size: Any, out: _Tensor | None = None) -> _Tensor:
    """A copy of what `view` would show."""

@overload
def view_copy(input: _Tensor, *, size: Sequence[_int]) -> _Tensor:
    """A copy of what `view` would show."""

def vsplit(input: _Tensor, indices_or_sections: Any = None) -> tuple[_Tensor, ...]:
    """tensor_split along the dimension that `vstack` joins along."""

def vstack(tensors: Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """Join along the first dimension; 1-d tensors are rows."""

@overload
def where(condition: _Tensor, *, out: Sequence[_Tensor] | None = None) -> tuple[_Tensor, ...]:
    """Elements of `input` where the condition holds, of `other` elsewhere."""

@overload
def where(
    condition: _Tensor,
    input: _Tensor | _complex,
    other: _Tensor | _complex,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """Elements of `input` where the condition holds, of `other` elsewhere."""

def xlogy(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """x log(y), 0 where x is 0 and y is not NaN."""

def xlogy_(
    input: _Tensor | _complex | _number[Any] | _bool_,
    other: _Tensor | _complex | _number[Any] | _bool_,
) -> _Tensor:
    """In-place form of `xlogy`."""

def zero_(input: _Tensor) -> _Tensor:
    """Set every element to zero; no gradient flows to the former ones."""

def zeros(
    *args: _int | Sequence[_int],
    size: Any = None,
    out: _Tensor | None = None,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> _Tensor:
    """Zeros of the given sizes."""

def zeros_like(
    input: _Tensor,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: _memory_format | None = None,
) -> _Tensor:
    """Zeros of a tensor's sizes, dtype, device and memory order."""
