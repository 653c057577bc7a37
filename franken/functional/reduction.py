"""Differences and the trapezoid rule along a dimension."""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.op import namespace, op
from franken.core.shapes import wrap_dim
from franken.core.tensor import Tensor

# --- diff


def _check_extra(x: Tensor, extra: Any, d: int) -> None:
    if extra.ndim != x.ndim:
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for i, (n, m) in enumerate(zip(x.shape, extra.shape, strict=True)):
        if i != d and n != m:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input "
                f"except along the differencing dimension; input.size({i}) = {n}, but got "
                f"tensor.size({i}) = {m}"
            )


@op(out=True)
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None
) -> Tensor:
    """The n-th difference of neighbours along a dimension; exclusive or for bools."""
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    d = wrap_dim(dim, input.ndim)
    for extra in (prepend, append):
        if extra is not None:
            _check_extra(input, extra, d)
    if n == 0:
        return input.clone()
    parts = [t for t in (prepend, input, append) if t is not None]
    x = namespace("torch")["cat"](parts, d) if len(parts) > 1 else input
    for _ in range(min(n, max(x.shape[d], 1))):
        x = _difference(x, d)
    return x


def _difference(x: Tensor, d: int) -> Tensor:
    size = max(x.shape[d] - 1, 0)
    later, earlier = x.narrow(d, min(1, x.shape[d]), size), x.narrow(d, 0, size)
    return later.logical_xor(earlier) if x.dtype is dt.bool else later - earlier


# --- trapezoid rule


def _panels(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """Areas of the panels along the wrapped dimension, which is returned too."""
    if y.dtype is dt.bool:
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    if y.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, y.ndim)
    size = max(y.shape[d] - 1, 0)
    pairs = y.narrow(d, 0, size) + y.narrow(d, min(1, y.shape[d]), size)
    if x is None:
        return pairs * (dx / 2.0), d
    if x.dtype is dt.bool:
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    return pairs * _widths(name, y, x, d, dim) / 2.0, d


def _widths(name: str, y: Tensor, x: Tensor, d: int, dim: int) -> Tensor:
    if x.ndim == 1:
        if x.shape[0] != y.shape[d]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.reshape([-1 if i == d else 1 for i in range(y.ndim)])
        return _difference(x, d)
    if x.ndim == y.ndim or x.ndim == 0:
        return _difference(x, wrap_dim(dim, x.ndim)) if x.ndim else x
    # fewer dimensions count from the back, as they broadcast
    x = x.reshape([1] * (y.ndim - x.ndim) + list(x.shape)) if x.ndim < y.ndim else x
    return _difference(x, wrap_dim(dim, x.ndim))


def _exclusive(name: str, x: Any, dx: Any) -> Any:
    if x is not None and dx is not None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got both x and dx"
        )
    return 1 if dx is None else dx


@op(method=False, alias=("trapz",))
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along a dimension by the trapezoid rule, sample points `x` or `dx` apart."""
    dx = _exclusive("trapezoid", x, dx)
    if isinstance(x, Tensor) and x.ndim == 0 and y.ndim and y.dtype is not dt.bool:
        return y.new_zeros([n for i, n in enumerate(y.shape) if i != wrap_dim(dim, y.ndim)])
    panels, d = _panels("trapezoid", y, x, dx, dim)
    return panels.sum(d)


@op(method=False)
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The running integral along a dimension by the trapezoid rule."""
    dx = _exclusive("cumulative_trapezoid", x, dx)
    if y.ndim == 0 and y.dtype is not dt.bool:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    panels, d = _panels("cumulative_trapezoid", y, x, dx, dim)
    return panels.cumsum(d)
