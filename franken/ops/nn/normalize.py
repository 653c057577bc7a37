"""Normalisation primitives with fused kernels: by rows, by channels, by given statistics.

`normalize_rows` sees x as (rows, groups, per, positions) and serves layer, group, instance and RMS
normalisation; `normalize_channels` is batch normalisation. Scale, shift may be None.
"""

from __future__ import annotations

from typing import Any

from franken.backends.meta import rules
from franken.backends.numpy import normalize as kernels
from franken.core.batching import batch_size, spread, to_front
from franken.core.linear import reduce_sum
from franken.core.primitive import Primitive
from franken.ops.declaring.pulled_back import pulled_back, pushed_forward
from franken.ops.nn.conv import along_channels, merge, split


def _rows_kernel(x: Any, w: Any, b: Any, *, dims: Any, eps: float, center: bool) -> Any:
    return kernels.rows_forward(x, w, b, dims, eps, center)


def _rows_grad_kernel(
    g: Any,
    x: Any,
    w: Any,
    mean: Any,
    var: Any,
    *,
    dims: Any,
    eps: float,
    center: bool,
    affine: bool,
) -> Any:
    return kernels.rows_backward(g, x, w, mean, var, dims, eps, center, affine)


def _channels_kernel(x: Any, w: Any, b: Any, *, eps: float) -> Any:
    return kernels.channels_forward(x, w, b, eps)


def _channels_grad_kernel(g: Any, x: Any, w: Any, mean: Any, var: Any, *, eps: float) -> Any:
    return kernels.channels_backward(g, x, w, mean, var, eps)


def _fixed_kernel(x: Any, w: Any, b: Any, mean: Any, var: Any, *, eps: float) -> Any:
    return kernels.channels_fixed(x, w, b, mean, var, eps)


def _rows_geometry(x: Any, w: Any, b: Any, *, dims: Any, **params: Any) -> Any:
    groups, per, positions = dims
    moments = (x.size // max(groups * per * positions, 1), groups)
    kind = kernels.wide(x.dtype)
    return [rules.same(x), rules.reserved(moments, kind), rules.reserved(moments, kind)]


def _rows_grad_geometry(
    g: Any, x: Any, w: Any, mean: Any, var: Any, *, dims: Any, affine: bool, **params: Any
) -> Any:
    each = rules.reserved((dims[0] * dims[1],), kernels.wide(x.dtype))
    return [rules.same(x), each, each.copy()] if affine else [rules.same(x)]


def _channels_geometry(x: Any, *more: Any, **params: Any) -> Any:
    kind = kernels.wide(x.dtype)
    return [rules.same(x), *[rules.reserved((x.shape[1],), kind) for _ in range(2)]]


normalize_rows = Primitive(
    "normalize_rows",
    ("x", "w", "b"),
    _rows_kernel,
    outputs=3,
    nondiff=(1, 2),
    layout=("standardised", "contiguous"),
    meta=_rows_geometry,
    title="NativeLayerNormBackward0",
)
normalize_rows_grad = Primitive(
    "normalize_rows_grad",
    ("y", "x", "w", "mean", "var"),
    _rows_grad_kernel,
    outputs=0,
    meta=_rows_grad_geometry,
)
normalize_channels = Primitive(
    "normalize_channels",
    ("x", "w", "b"),
    _channels_kernel,
    outputs=3,
    nondiff=(1, 2),
    layout=("channels_last", "contiguous"),
    meta=_channels_geometry,
    title="NativeBatchNormBackward0",
)
normalize_channels_grad = Primitive(
    "normalize_channels_grad",
    ("y", "x", "w", "mean", "var"),
    _channels_grad_kernel,
    outputs=3,
    meta=lambda g, x, *more, **params: _channels_geometry(x),
)
normalize_fixed = Primitive(
    "normalize_fixed",
    ("x", "w", "b", "mean", "var"),
    _fixed_kernel,
    layout="channels_last",
    title="NativeBatchNormBackward0",
    meta="same",
)


def _by_elements(p: Any) -> bool:
    """Whether the parameters are those of layer normalisation."""
    return p["center"] and p["dims"][::2] == (1, 1)


# As torch's: of RMS normalisation nothing, of group normalisation (several channels a group) not
# the gradient of the shift.
normalize_rows.depends("x", "w", "b", zero=False, when=_by_elements)
normalize_rows.depends(
    "x", "w", zero=False, of=("x", "w"), when=lambda p: p["center"] and not _by_elements(p)
)
normalize_rows.depends(
    "x", "w", zero=False, of=("b",),
    when=lambda p: p["center"] and p["dims"][1] == 1 and not _by_elements(p),
)  # fmt: skip
normalize_channels.depends("x", "w", zero=False)
normalize_fixed.depends("x", "w", zero=False)

# --- formulas ------------------------------------------------------------------------------------


class _Form:
    """How x is seen (4 dimensions), which axes are averaged over, and how scale and shift are."""

    def __init__(
        self, view: tuple[int, ...], axes: tuple[int, ...], params: tuple[int, ...]
    ) -> None:
        self.view, self.axes, self.params = view, axes, params
        self.rest = tuple(i for i in range(4) if params[i] == 1)

    def hat(self, x: Any, eps: float, center: bool) -> tuple[Any, Any]:
        """(standardised x, reciprocal deviation)."""
        x = x.reshape(self.view)
        if center:
            x = x - x.mean(self.axes, True)
        rstd = ((x * x).mean(self.axes, True) + eps).pow(-0.5)
        return x * rstd, rstd

    def forward(self, x: Any, w: Any, b: Any, eps: float, center: bool = True) -> Any:
        out, _ = self.hat(x, eps, center)
        if w is not None:
            out = out * w.reshape(self.params)
        if b is not None:
            out = out + b.reshape(self.params)
        return out.reshape(tuple(x.shape))

    def gradients(self, g: Any, x: Any, w: Any, eps: float, center: bool = True) -> Any:
        hat, rstd = self.hat(x, eps, center)
        g = g.reshape(self.view)
        scaled = g if w is None else g * w.reshape(self.params)
        gx = scaled - hat * (scaled * hat).mean(self.axes, True)
        if center:
            gx = gx - scaled.mean(self.axes, True)
        gw, gb = ((t.sum(self.rest, True)).reshape(-1) for t in (g * hat, g))
        return (gx * rstd).reshape(tuple(x.shape)), gw, gb


def _rows_form(x: Any, dims: Any) -> _Form:
    groups, per, positions = dims
    return _Form((-1, groups, per, positions), (2, 3), (1, groups, per, 1))


def _channels_form(x: Any) -> _Form:
    n, c = x.shape[:2]
    return _Form((n, c, 1, -1), (0, 3), (1, c, 1, 1))


# --- derivatives ---------------------------------------------------------------------------------


@normalize_rows.joint_vjp
def _(
    g: Any, needs: Any, x: Any, w: Any, w_shape: Any, b_shape: Any, out1: Any, out2: Any, dims: Any,
    eps: float, center: bool,
) -> Any:  # fmt: skip
    affine = bool(needs[1] or needs[2])
    got = normalize_rows_grad(
        g[0], x, w, out1, out2, dims=dims, eps=eps, center=center, affine=affine
    )
    if not affine:
        return got[0], None, None
    return (
        got[0], got[1].reshape(w_shape) if needs[1] else None,
        got[2].reshape(b_shape) if needs[2] else None,
    )  # fmt: skip


@normalize_channels.joint_vjp
def _(g: Any, needs: Any, x: Any, w: Any, out1: Any, out2: Any, eps: float) -> Any:
    return normalize_channels_grad(g[0], x, w, out1, out2, eps=eps)


@normalize_rows_grad.joint_vjp
def _(
    g: Any, needs: Any, y: Any, x: Any, w: Any, dims: Any, eps: float, center: bool, affine: bool
) -> Any:
    def formula(y: Any, x: Any, w: Any) -> Any:
        got = _rows_form(x, dims).gradients(y, x, w, eps, center)
        return got if affine else got[:1]

    return [*pulled_back(formula, (y, x, w), g), None, None]


@normalize_channels_grad.joint_vjp
def _(g: Any, needs: Any, y: Any, x: Any, w: Any, eps: float) -> Any:
    def formula(y: Any, x: Any, w: Any) -> Any:
        return _channels_form(x).gradients(y, x, w, eps)

    return [*pulled_back(formula, (y, x, w), g), None, None]


@normalize_rows.jvp
def _(tangents: Any, out: Any, x: Any, w: Any, b: Any, **p: Any) -> Any:
    form = _rows_form(x, p["dims"])

    def formula(x: Any, w: Any, b: Any) -> Any:
        return form.forward(x, w, b, p["eps"], p["center"])

    return pushed_forward(formula, (x, w, b), tangents), None, None


@normalize_channels.jvp
def _(tangents: Any, out: Any, x: Any, w: Any, b: Any, *, eps: float) -> Any:
    def formula(x: Any, w: Any, b: Any) -> Any:
        return _channels_form(x).forward(x, w, b, eps)

    return pushed_forward(formula, (x, w, b), tangents), None, None


@normalize_rows_grad.jvp
def _(tangents: Any, out: Any, *inputs: Any, **p: Any) -> Any:
    def formula(y: Any, x: Any, w: Any) -> Any:
        got = _rows_form(x, p["dims"]).gradients(y, x, w, p["eps"], p["center"])
        return got if p["affine"] else got[:1]

    return pushed_forward(formula, inputs[:3], tangents[:3])


@normalize_channels_grad.jvp
def _(tangents: Any, out: Any, *inputs: Any, eps: float) -> Any:
    def formula(y: Any, x: Any, w: Any) -> Any:
        return _channels_form(x).gradients(y, x, w, eps)

    return pushed_forward(formula, inputs[:3], tangents[:3])


@normalize_fixed.joint_vjp
def _(g: Any, needs: Any, x: Any, w: Any, mean: Any, var: Any, eps: float) -> Any:
    n = x.ndim
    rstd = (var + eps).pow(-0.5)
    gx = g * along_channels(rstd if w is None else rstd * w, n) if needs[0] else None
    gw = gb = None
    axes = (0, *range(2, n))
    if needs[1]:
        gw = reduce_sum(g * (x - along_channels(mean, n)), axes=axes, keepdim=False) * rstd
    if needs[2]:
        gb = reduce_sum(g, axes=axes, keepdim=False)
    return gx, gw, gb, None, None


# --- batching ------------------------------------------------------------------------------------


def _product(sizes: Any) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


@normalize_rows.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    x, w, b = values
    size, groups = batch_size(values, dims), params["dims"][0]
    if dims[1] is None and dims[2] is None:  # more rows
        y, mean, var = prim(to_front(x, dims[0]), w, b, **params)
        rows = mean.shape[0] // size
        return (y, split(mean, 0, size, rows), split(var, 0, size, rows)), 0
    x = spread(x, dims[0], size)
    shape = tuple(x.shape[1:])
    x, w, b = (
        _grouped(x, size, params["dims"]),
        _params(w, dims[1], size),
        _params(b, dims[2], size),
    )
    y, mean, var = prim(x, w, b, **_more_groups(params, size))
    y = y.transpose(0, 1).reshape(size, *shape)
    mean, var = (split(t, 1, size, groups) for t in (mean, var))
    return (y, mean, var), (0, 1, 1)


def _grouped(x: Any, size: int, dims: Any) -> Any:
    """(B, *shape) as (rows, B, a row of all groups)."""
    return x.reshape(size, -1, _product(dims)).transpose(0, 1)


def _params(w: Any, dim: Any, size: int) -> Any:
    return None if w is None else spread(w, dim, size).reshape(-1)


def _more_groups(params: Any, size: int) -> Any:
    groups, per, positions = params["dims"]
    return {**params, "dims": (groups * size, per, positions)}


@normalize_rows_grad.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    size = batch_size(values, dims)
    y, x = (spread(v, d, size) for v, d in zip(values[:2], dims[:2], strict=True))
    shape = tuple(x.shape[1:])
    mean, var = (
        merge(spread(v, d, size).transpose(0, 1), 1)
        for v, d in zip(values[3:], dims[3:], strict=True)
    )
    got = prim(
        _grouped(y, size, params["dims"]), _grouped(x, size, params["dims"]),
        _params(values[2], dims[2], size), mean, var, **_more_groups(params, size),
    )  # fmt: skip
    gx = got[0].transpose(0, 1).reshape(size, *shape)
    return (gx, *(split(t, 0, size, t.shape[0] // size) for t in got[1:])), 0


def _channel_input(v: Any, d: Any, size: int) -> Any:
    """(N, C, *S) with the hidden dimension among the channels."""
    return merge(spread(v, d, size).movedim(0, 1), 1)


def _channel_vector(v: Any, d: Any, size: int) -> Any:
    return None if v is None else merge(spread(v, d, size), 0)


def _in_channels(images: int, outputs: tuple[int, ...]) -> Any:
    """Batching rule: the first `images` inputs are (N, C, *S), the others one value a channel.

    `outputs` gives the channel axis of each output.
    """

    def rule(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        size = batch_size(values, dims)
        joined = [
            (_channel_input if i < images else _channel_vector)(v, d, size)
            for i, (v, d) in enumerate(zip(values, dims, strict=True))
        ]
        got = prim(*joined, **params)
        outs = got if type(got) is tuple else (got,)
        outs = tuple(
            split(o, at, size, o.shape[at] // size) for o, at in zip(outs, outputs, strict=True)
        )
        return (outs, outputs) if type(got) is tuple else (outs[0], outputs[0])

    return rule


normalize_channels.batching(_in_channels(1, (1, 0, 0)))
normalize_channels_grad.batching(_in_channels(2, (1, 0, 0)))
normalize_fixed.batching(_in_channels(1, (1,)))
