"""Differences, gradients on a grid and the trapezoid rule along a dimension."""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.geometry.shapes import wrap_dim, wrap_dims
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S

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


@op(
    out=True,
    samples=lambda t: [
        S(t(3, 5)),
        S(t(3, 5), 2, 0),
        S(t(4), prepend=t(1), append=t(2)),
        S(t(2, 0)),
    ],
)
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


@op(
    method=False,
    alias=("trapz",),
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), t(4)), S(t(3, 4), dx=0.5, dim=0)],
)
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along a dimension by the trapezoid rule, sample points `x` or `dx` apart."""
    dx = _exclusive("trapezoid", x, dx)
    if isinstance(x, Tensor) and x.ndim == 0 and y.ndim and y.dtype is not dt.bool:
        return y.new_zeros([n for i, n in enumerate(y.shape) if i != wrap_dim(dim, y.ndim)])
    panels, d = _panels("trapezoid", y, x, dx, dim)
    return panels.sum(d)


@op(method=False, samples=lambda t: [S(t(3, 4)), S(t(3, 4), t(4)), S(t(3, 4), dx=0.5, dim=0)])
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The running integral along a dimension by the trapezoid rule."""
    dx = _exclusive("cumulative_trapezoid", x, dx)
    if y.ndim == 0 and y.dtype is not dt.bool:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    panels, d = _panels("cumulative_trapezoid", y, x, dx, dim)
    return panels.cumsum(d)


# --- gradient


def _edges(x: Tensor, d: int, order: int, steps: Any) -> tuple[Any, Any]:
    """One-sided differences at both ends; `steps` are the first two and the last two."""
    (a, b), (y, z) = steps
    n = x.shape[d]
    f = [x.narrow(d, i, 1) for i in (0, 1, n - 2, n - 1)]
    if order == 1:
        return (f[1] - f[0]) / a, (f[3] - f[2]) / z
    third, before = x.narrow(d, 2, 1), x.narrow(d, n - 3, 1)
    # the derivative, at an end, of the parabola through the three points there
    first = ((a + b) / (a * b)) * f[1] - (a / (b * (a + b))) * third
    first = first - ((2 * a + b) / (a * (a + b))) * f[0]
    last = (z / (y * (y + z))) * before - ((y + z) / (y * z)) * f[2]
    return first, last + ((2 * z + y) / (z * (y + z))) * f[3]


def _slope(x: Tensor, d: int, spacing: Any, order: int) -> Tensor:
    """The derivative along `d`, of points a fixed step apart or at the given coordinates."""
    n = x.shape[d]
    earlier, later = x.narrow(d, 0, n - 2), x.narrow(d, 2, n - 2)
    if isinstance(spacing, Tensor) and spacing.ndim:
        h = spacing.diff().reshape([-1 if i == d else 1 for i in range(x.ndim)])  # type: ignore[attr-defined]
        a, b = h.narrow(d, 0, n - 2), h.narrow(d, 1, n - 2)
        middle = (a / (b * (a + b))) * later + ((b - a) / (a * b)) * x.narrow(d, 1, n - 2)
        middle = middle - (b / (a * (a + b))) * earlier
        at = [h.narrow(d, i, 1) for i in (0, min(1, n - 2), max(n - 3, 0), n - 2)]
        ends = _edges(x, d, order, (at[:2], at[2:]))
    else:
        middle = (later - earlier) / (2 * spacing)
        ends = _edges(x, d, order, ((spacing, spacing), (spacing, spacing)))
    return namespace("torch")["cat"]([ends[0], middle, ends[1]], d)  # type: ignore[no-any-return]


def _spacings(input: Tensor, spacing: Any, dim: Any, count: int) -> list[Any]:
    """One step or tensor of coordinates for each of `count` dimensions."""
    if not isinstance(spacing, (list, tuple)):
        if isinstance(spacing, Tensor) and spacing.ndim:
            raise TypeError(
                "gradient() received an invalid combination of arguments - spacing must be a "
                f"number or a tuple of tensors, got a tensor of shape {tuple(spacing.shape)}"
            )
        return [1 if spacing is None else spacing] * count
    for s in spacing:
        if isinstance(s, Tensor) and s.ndim != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got "
                f"an element with {s.ndim} dimensions!"
            )
    if len(spacing) != count:
        start = "torch.gradient expected spacing to be unspecified, a scalar"
        raise RuntimeError(
            f"{start}, or a list of length equal to 'self.dim() = {input.ndim}', since dim "
            f"argument was not given, but got a list of length {len(spacing)}"
            if dim is None
            else f"{start} or it's spacing and dim arguments to have the same length, but got a "
            f"spacing argument of length {len(spacing)} and a dim argument of length {count}."
        )
    return list(spacing)


@op(
    method=False,
    samples=lambda t: [S(t(5)), S(t(3, 4), spacing=0.5, dim=1), S(t(4, 5), edge_order=2)],
)
def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Derivatives along each dimension, by central differences inside; a tuple.

    `spacing`: the distance of the samples, one for each dimension, or 1-d tensors of coordinates.
    `edge_order` (1 or 2) is that of the one-sided differences at the ends.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    dims = wrap_dims(dims, input.ndim) if len(dims) else ()
    steps = _spacings(input, spacing, dim, len(dims))
    if input.dtype is dt.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if any(input.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )
    return tuple([_slope(input, d, s, edge_order) for d, s in zip(dims, steps, strict=True)])
