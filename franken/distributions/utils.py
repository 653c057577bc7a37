"""What distributions share: parameters of one shape, lazy parameters, logits, triangles."""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any

import franken
from franken import Size, Tensor
from franken.faces.overrides import is_tensor_like

euler_constant = 0.57721566490153286060
_Number = (int, float, bool)
EMPTY = Size()  # of one sample


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the first tensor's dtype.

    >>> import franken as torch
    >>> torch.distributions.utils.broadcast_all(torch.zeros(2), 1)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not all(is_tensor_like(v) or isinstance(v, Number) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects "
            "implementing __torch_function__."
        )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = franken.get_default_dtype() if like is None else like.dtype
    device = None if like is None else like.device
    tensors = [
        v if is_tensor_like(v) else franken.tensor(v, dtype=dtype, device=device) for v in values
    ]
    return tuple(franken.broadcast_tensors(*tensors))


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    """Numbers of mean zero and deviation one, drawn without a graph."""
    return franken.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` dimensions."""
    return value.reshape(value.shape[: value.ndim - dim] + (-1,)).sum(-1) if dim else value


def _eps_of(value: Tensor) -> float:
    return float(franken.finfo(value.dtype).eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of log odds (binary), or of log weights along the last dimension."""
    return franken.sigmoid(logits) if is_binary else franken.softmax(logits, dim=-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept the dtype's eps away from zero and one."""
    eps = _eps_of(probs)
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log odds of probabilities (binary), or their logarithms; kept finite."""
    kept = clamp_probs(probs)
    return franken.log(kept) - franken.log1p(-kept) if is_binary else franken.log(kept)


class lazy_property:
    """A method whose result becomes an attribute at first use; computed with gradients on."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with franken.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What a class shows for a lazy property, so that tools see a property there."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal of (*, D, D), row by row: (*, N)."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., franken.ones(n, n, dtype=franken.bool, device=mat.device).tril(diag)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """(*, N) put row by row on and below a diagonal of a zero matrix (*, D, D).

    >>> import franken as torch
    >>> torch.distributions.utils.vec_to_tril_matrix(torch.ones(1), -1)
    tensor([[0., 0.],
            [1., 0.]])
    """
    # N = D(D+1)/2 + D diag below the main diagonal, solved for D
    b = 1 + 2 * diag
    n = (-b + (b**2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if not round(n) - n == 0:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    n = round(n)
    mat = vec.new_zeros(vec.shape[:-1] + (n, n))
    mat[..., franken.ones(n, n, dtype=franken.bool, device=vec.device).tril(diag)] = vec
    return mat


__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits",
    "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip
