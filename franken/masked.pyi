"""torch.masked: reductions and normalizations under a mask. Names only: the ops are elsewhere.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Sequence
from typing import Any

from franken.core.dtypes import dtype as _dtype
from franken.core.tensor import Tensor as _Tensor

def amax(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Maximum over dimensions of what the mask keeps."""

def amin(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Minimum over dimensions of what the mask keeps."""

def argmax(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Index of the maximum of what the mask keeps, in the input's dtype."""

def argmin(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Index of the minimum of what the mask keeps, in the input's dtype."""

def cumprod(
    input: _Tensor, dim: _int, *, dtype: _dtype | None = None, mask: _Tensor | None = None
) -> _Tensor:
    """Running prod of what the mask keeps."""

def cumsum(
    input: _Tensor, dim: _int, *, dtype: _dtype | None = None, mask: _Tensor | None = None
) -> _Tensor:
    """Running sum of what the mask keeps."""

def log_softmax(
    input: _Tensor, dim: _int, *, dtype: _dtype | None = None, mask: _Tensor | None = None
) -> _Tensor:
    """log_softmax along a dimension of what the mask keeps."""

def logaddexp(
    input: _Tensor,
    other: _Tensor,
    *,
    dtype: _dtype | None = None,
    input_mask: Any = None,
    other_mask: Any = None,
) -> _Tensor:
    """log(exp(x) + exp(y)) with masked-out elements as exp(...) = 0."""

def logsumexp(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """log(sum(exp(x))) over dimensions of what the mask keeps."""

def mean(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Mean over dimensions of what the mask keeps; NaN of nothing."""

def median(
    input: _Tensor,
    dim: _int = -1,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Lower median along a dimension of what the mask keeps; NaN of nothing."""

def norm(
    input: _Tensor,
    ord: Any = 2.0,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Vector norm over dimensions of what the mask keeps."""

def normalize(
    input: _Tensor,
    ord: Any,
    dim: _int,
    *,
    eps: _float = 1e-12,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """x / max(norm(x), eps) along a dimension of what the mask keeps."""

def prod(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Product over dimensions of what the mask keeps."""

def softmax(
    input: _Tensor, dim: _int, *, dtype: _dtype | None = None, mask: _Tensor | None = None
) -> _Tensor:
    """softmax along a dimension of what the mask keeps."""

def softmin(
    input: _Tensor, dim: _int, *, dtype: _dtype | None = None, mask: _Tensor | None = None
) -> _Tensor:
    """softmin along a dimension of what the mask keeps."""

def std(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    *,
    correction: Any = None,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Standard deviation over dimensions of what the mask keeps; NaN of nothing."""

def sum(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    *,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Sum over dimensions of what the mask keeps."""

def var(
    input: _Tensor,
    dim: _int | Sequence[_int] | None = None,
    unbiased: Any = None,
    *,
    correction: Any = None,
    keepdim: _bool = False,
    dtype: _dtype | None = None,
    mask: _Tensor | None = None,
) -> _Tensor:
    """Variance over dimensions of what the mask keeps; NaN of nothing."""
