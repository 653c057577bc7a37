"""Padding: with a constant, and with what lies at the edges (reflect, replicate, circular).

Every padding is linear in its input; a negative width of the constant one cuts off, so it is its
own transpose with the widths negated. Widths are one (before, after) pair for each axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.batching import to_front
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.shape.movement import linear

Pairs = tuple[tuple[int, int], ...]


def _ahead(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """Batching: the hidden dimension in front has no padding."""
    widths = ((0, 0), *params["widths"])
    return prim(to_front(values[0], dims[0]), **{**params, "widths": widths}), 0


# --- constant ------------------------------------------------------------------------------------


def _pad_kernel(x: Any, *, widths: Pairs, value: Any) -> Any:
    shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
    out = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    into = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, widths, strict=True))
    outof = tuple(
        slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    out[into] = x[outof]
    return out


pad_ = Primitive(
    "constant_pad",
    ("x",),
    _pad_kernel,
    batch=_ahead,
    layout="channels_last",
    title="ConstantPadNdBackward0",
    meta="padded",
)


@pad_.vjp("x")
def _(g: Any, widths: Pairs) -> Any:
    return pad_(g, widths=tuple((-a, -b) for a, b in widths), value=0)


@pad_.jvp
def _(tangents: Any, out: Any, x: Any, *, widths: Pairs, value: Any) -> Any:
    return pad_(tangents[0], widths=widths, value=0)


# --- from the edges ------------------------------------------------------------------------------


def _margins(n: int, a: int, b: int, mode: str) -> list[tuple[slice, slice]]:
    """What each margin of an axis of n elements is filled from: (margin, source) slices."""
    end = a + n
    if mode == "reflect":
        stop = end - 2 - b
        sources = slice(2 * a, a, -1), slice(end - 2, None if stop < 0 else stop, -1)
    elif mode == "replicate":
        sources = slice(a, a + 1), slice(end - 1, end)
    else:
        sources = slice(n, end), slice(a, a + b)
    pairs = zip((slice(0, a), slice(end, end + b)), sources, (a, b), strict=True)
    return [(margin, source) for margin, source, width in pairs if width]


def _steps(shape: Any, widths: Pairs, mode: str) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Each margin's and its source's index: axes to the left are filled already."""
    steps = []
    inner = [slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True)]
    for axis, (n, (a, b)) in enumerate(zip(shape, widths, strict=True)):
        head, tail = (slice(None),) * axis, inner[axis + 1 :]
        for margin, source in _margins(n, a, b, mode):
            steps.append(((*head, margin, *tail), (*head, source, *tail)))
    return steps


def _edges_kernel(x: Any, *, widths: Pairs, mode: str) -> Any:
    out = np.empty([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], x.dtype)
    out[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    for margin, source in _steps(x.shape, widths, mode):
        out[margin] = out[source]
    return out


def _edges_grad_kernel(g: Any, *, widths: Pairs, mode: str) -> Any:
    shape = [n - a - b for n, (a, b) in zip(g.shape, widths, strict=True)]
    out = g.copy()
    for margin, source in reversed(_steps(shape, widths, mode)):
        part = out[margin]
        if mode == "replicate":
            axis = next(i for i, s in enumerate(margin) if s != source[i])
            part = part.sum(axis=axis, keepdims=True)
        out[source] += part
    return out[tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))].copy()


def _edges_title(node: Any) -> str:
    """ReflectionPad2DBackward0, or, as a circular pad is made of copies, CopySlices."""
    mode, widths = node.params["mode"], node.params["widths"]
    if mode == "circular":
        return "torch::autograd::CopySlices"
    return f"{ {'reflect': 'Reflection'}.get(mode, 'Replication') }Pad{len(widths) - 2}DBackward0"


pad_edges = linear(
    Primitive(
        "edge_pad",
        ("x",),
        _edges_kernel,
        batch=_ahead,
        layout="channels_last",
        title=_edges_title,
        meta="padded",
    )
)
pad_edges_grad = linear(
    Primitive("edge_pad_grad", ("x",), _edges_grad_kernel, batch=_ahead, meta="unpadded")
)
pad_edges.depends("x", when=lambda p: p["mode"] != "circular")


@pad_edges.vjp("x")
def _(g: Any, widths: Pairs, mode: str) -> Any:
    return pad_edges_grad(g, widths=widths, mode=mode)


@pad_edges_grad.vjp("x")
def _(g: Any, widths: Pairs, mode: str) -> Any:
    return pad_edges(g, widths=widths, mode=mode)


# --- public --------------------------------------------------------------------------------------


def _pairs(pad: Any, ndim: int) -> Pairs:
    """torch's flat list, last axis first, as pairs of all axes."""
    given = tuple(zip(pad[::2], pad[1::2], strict=True))[::-1]
    return ((0, 0),) * (ndim - len(given)) + given


@op(samples=lambda t: [S(t(3, 4), (1, 2)), S(t(3, 4), (1, 0, -1, 2), 1.5), S(t(2, 0), (1, 1))])
def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """Pad with a constant; `pad` lists (before, after), last dimension first; negative cuts."""
    pad, ndim = _flat("constant_pad_nd", pad), input.ndim
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * ndim:
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. "
            f"Pad length is {len(pad)} while the input has {ndim} dimensions."
        )
    widths = _pairs(pad, ndim)
    for n, (a, b) in zip(input.shape, widths, strict=True):
        if n + min(a, 0) + min(b, 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
    if value and not (input.dtype.is_floating_point or input.dtype.is_complex):
        value = bool(value) if input.dtype.kind == 0 else int(value)
    return pad_(input, widths=widths, value=value)


def _flat(name: str, pad: Any) -> tuple[int, ...]:
    if not isinstance(pad, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}"
        )
    return tuple([int(p) for p in pad])


@op(
    at="nn.functional",
    samples=lambda t: [
        S(t(3, 4), (1, 2), value=1.5),
        S(t(1, 2, 4), (2, 1), mode="reflect"),
        S(t(1, 2, 3, 4), (1, 2, 2, 1), mode="circular"),
        S(t(1, 2, 3, 4), (2, 0, 1, 3), mode="replicate"),
        S(t(3, 4), (-1, 1, 0, 2)),
    ],
)
def pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """Pad the last dimensions; mode is constant, reflect, replicate or circular."""
    widths = _flat("pad", pad)
    if len(widths) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(widths) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(widths)} and input of dimension {input.ndim}"
        )
    if mode == "constant":
        return constant_pad_nd(input, widths, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    axes, ndim = len(widths) // 2, input.ndim
    if ndim not in (axes + 1, axes + 2) or axes > 3:
        raise NotImplementedError(
            f"Padding size {len(widths)} is not supported for {ndim}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if mode == "circular":
        return _circular(input, _pairs(widths, ndim))
    if mode not in ("reflect", "replicate"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return _mirrored(input, _pairs(widths, ndim), axes, mode)


def _circular(x: Tensor, widths: Pairs) -> Tensor:
    for n, (a, b) in zip(x.shape, widths, strict=True):
        if a > n or b > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if (a, b) != (0, 0) and n + a + b <= 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
    if any(min(p) < 0 for p in widths):  # what is cut off does not wrap around
        x = pad_(x, widths=tuple((min(a, 0), min(b, 0)) for a, b in widths), value=0)
    positive = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    return pad_edges(x, widths=positive, mode="circular").contiguous()


def _mirrored(x: Tensor, widths: Pairs, axes: int, mode: str) -> Tensor:
    _check_mirrored(x, widths, axes, mode)
    positive = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    out = pad_edges(x, widths=positive, mode=mode)
    if positive != widths:
        out = pad_(out, widths=tuple((min(a, 0), min(b, 0)) for a, b in widths), value=0)
    return out


def _check_mirrored(x: Tensor, widths: Pairs, axes: int, mode: str) -> None:
    shape = tuple(x.shape)
    kernel = "reflection" if mode == "reflect" else "replication"
    if x.dtype.kind == 0:
        raise NotImplementedError(f"\"{kernel}_pad{axes}d\" not implemented for 'Bool'")
    if 0 in shape[1 if x.ndim == axes + 2 else 0 :]:
        raise RuntimeError(
            f"Expected {axes + 1}D or {axes + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {list(shape)}"
        )
    for back in range(1, axes + 1):
        n, (a, b) = shape[-back], widths[-back]
        if mode == "reflect" and (a >= n or b >= n):
            raise RuntimeError(
                f"Argument #{2 + 2 * back}: Padding size should be less than the corresponding "
                f"input dimension, but got: padding ({a}, {b}) at dimension {x.ndim - back} of "
                f"input {list(shape)}"
            )
    found = [n + a + b for n, (a, b) in zip(shape, widths, strict=True)]
    if min(found[-axes:]) < 1:
        names = "DHW"[-axes:]
        given = " ".join(f"{c}: {n}" for c, n in zip(names, shape[-axes:], strict=True))
        made = " ".join(f"{c}: {n}" for c, n in zip(names, found[-axes:], strict=True))
        raise RuntimeError(f"input ({given}) is too small. Calculated output {made}")
