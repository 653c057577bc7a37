"""Convolution, its input gradient and its weight gradient: three bilinear primitives.

Each one's cotangent rules are the other two, so derivatives of every order exist; a hidden
dimension is folded into the batch, the channels or the groups. Knows canonical parameters only:
x (N, C, *S), w (D, C/groups, *K), one int a spatial axis; public forms are in `conv_public`.
Two parameters say how results lie and are no kernel's matter: `onednn` (torch would have left it to
that library) and, of gradients, `strides`.
"""

from __future__ import annotations

from typing import Any

from franken.backends.meta import rules
from franken.backends.numpy import conv as kernels
from franken.backends.numpy.halves import halved
from franken.core.batching import to_front
from franken.core.geometry.planning import Operand, filtered_gradient
from franken.core.geometry.strides import contiguous_strides
from franken.core.linear import reduce_sum
from franken.core.primitive import Primitive
from franken.ops.nn.windows import conv_output_shape


def _forward_kernel(
    x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int, **lies: Any
) -> Any:
    return kernels.conv_forward(x, w, stride, padding, dilation, groups)


def _biased_kernel(
    x: Any, w: Any, b: Any, *, stride: Any, padding: Any, dilation: Any, groups: int, **lies: Any
) -> Any:
    y = kernels.conv_forward(x, w, stride, padding, dilation, groups)
    y += b.reshape(-1, *(1,) * (x.ndim - 2))
    return y


def _input_grad_kernel(
    y: Any, w: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int, **lies: Any
) -> Any:
    shape = (y.shape[0], w.shape[1] * groups, *size)
    return kernels.conv_input_grad(y, w, shape, stride, padding, dilation, groups)


def _weight_grad_kernel(
    y: Any, x: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int, **lies: Any
) -> Any:
    shape = (y.shape[1], x.shape[1] // groups, *size)
    return kernels.conv_weight_grad(y, x, shape, stride, padding, dilation, groups)


def _geometry(
    x: Any, w: Any, b: Any = None, *, stride: Any, padding: Any, dilation: Any, **params: Any
) -> Any:
    size = conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)
    return rules.reserved((x.shape[0], w.shape[0], *size), x.dtype)


def _input_geometry(y: Any, w: Any, *, size: Any, groups: int, **params: Any) -> Any:
    return rules.reserved((y.shape[0], w.shape[1] * groups, *size), y.dtype)


def _weight_geometry(y: Any, x: Any, *, size: Any, groups: int, **params: Any) -> Any:
    return rules.reserved((y.shape[1], x.shape[1] // groups, *size), y.dtype)


conv_ = Primitive(
    "convolution", ("x", "w"), halved(_forward_kernel), layout="filtered", meta=_geometry
)
conv_biased = Primitive(
    "convolution_biased",
    ("x", "w", "b"),
    halved(_biased_kernel),
    layout="filtered",
    meta=_geometry,
    title="ConvolutionBackward0",
)
# y is like the convolution's output; `size` is the spatial shape of what is returned
conv_input_grad = Primitive(
    "convolution_input_grad",
    ("y", "w"),
    halved(_input_grad_kernel),
    layout="filtered",
    meta=_input_geometry,
    title="ConvolutionBackward0",
)
conv_weight_grad = Primitive(
    "convolution_weight_grad",
    ("y", "x"),
    halved(_weight_grad_kernel),
    layout="filtered",
    meta=_weight_geometry,
)

# --- derivatives ---------------------------------------------------------------------------------


def _lies(g: Any, of: Any, x: Any, w: Any, onednn: bool, dilation: Any) -> Any:
    """The strides of the gradient for `of`; each input is a (shape, strides) pair.

    torch's own kernels start the filters' as a copy of these, but not where they are dilated.
    """
    if x[1] is None or w[1] is None:
        return None
    if g.dtype.is_complex:  # torch splits these into real parts, and joins them row-major
        return contiguous_strides(of[0])
    own = of is w and not onednn and max(dilation) == 1
    return filtered_gradient(Operand(*of), Operand(*x), Operand(*w), onednn, own)


def _of_x(
    g: Any, w: Any, x_shape: Any, x_layout: Any, w_layout: Any, stride: Any, padding: Any,
    dilation: Any, groups: Any, onednn: bool,
) -> Any:  # fmt: skip
    x = x_shape, x_layout
    return conv_input_grad(
        g, w, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups,
        onednn=onednn, strides=_lies(g, x, x, (tuple(w.shape), w_layout), onednn, dilation),
    )  # fmt: skip


def _of_w(
    g: Any, x: Any, w_shape: Any, x_layout: Any, w_layout: Any, stride: Any, padding: Any,
    dilation: Any, groups: Any, onednn: bool,
) -> Any:  # fmt: skip
    w = w_shape, w_layout
    return conv_weight_grad(
        g, x, size=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups,
        onednn=onednn, strides=_lies(g, w, (tuple(x.shape), x_layout), w, onednn, dilation),
    )  # fmt: skip


for _prim in (conv_, conv_biased):
    _prim.vjp("x")(_of_x)
    _prim.vjp("w")(_of_w)
    _prim.depends("x", "w", zero=False)


@conv_biased.vjp("b")
def _(g: Any) -> Any:
    return reduce_sum(g, axes=(0, *range(2, g.ndim)), keepdim=False)


conv_input_grad.depends("y", "w", zero=False)  # a transposed convolution, to the user


@conv_input_grad.vjp("y")
def _(
    g: Any, w: Any, y_shape: Any, y_layout: Any, w_layout: Any, stride: Any, padding: Any,
    dilation: Any, groups: Any, onednn: bool,
) -> Any:  # fmt: skip
    y = y_shape, y_layout
    return conv_(
        g, w, stride=stride, padding=padding, dilation=dilation, groups=groups, onednn=onednn,
        strides=_lies(g, y, y, (tuple(w.shape), w_layout), onednn, dilation),
    )  # fmt: skip


@conv_input_grad.vjp("w")
def _(
    g: Any, y: Any, w_shape: Any, y_layout: Any, w_layout: Any, stride: Any, padding: Any,
    dilation: Any, groups: Any, onednn: bool,
) -> Any:  # fmt: skip
    w = w_shape, w_layout
    return conv_weight_grad(
        y, g, size=w_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups,
        onednn=onednn, strides=_lies(g, w, (tuple(y.shape), y_layout), w, onednn, dilation),
    )  # fmt: skip


@conv_weight_grad.vjp("y")
def _(g: Any, x: Any, stride: Any, padding: Any, dilation: Any, groups: Any, onednn: bool) -> Any:
    return conv_(
        x, g, stride=stride, padding=padding, dilation=dilation, groups=groups, onednn=onednn
    )


@conv_weight_grad.vjp("x")
def _(
    g: Any, y: Any, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any,
    onednn: bool,
) -> Any:  # fmt: skip
    return conv_input_grad(
        y, g, size=x_shape[2:], stride=stride, padding=padding, dilation=dilation, groups=groups,
        onednn=onednn,
    )  # fmt: skip


def bilinear(prim: Primitive) -> Any:
    """The tangent rule of a product of two inputs: f(t, b) + f(a, u)."""

    def rule(tangents: Any, out: Any, a: Any, b: Any, **params: Any) -> Any:
        first = None if tangents[0] is None else prim(tangents[0], b, **params)
        second = None if tangents[1] is None else prim(a, tangents[1], **params)
        return second if first is None else first if second is None else first + second

    return rule


for _prim in (conv_, conv_input_grad, conv_weight_grad):
    _prim.jvp(bilinear(_prim))


@conv_biased.jvp
def _(tangents: Any, out: Any, x: Any, w: Any, b: Any, **params: Any) -> Any:
    moved = None
    if tangents[0] is not None or tangents[1] is not None:
        moved = bilinear(conv_)(tangents[:2], out, x, w, **params)
    if tangents[2] is None:
        return moved
    shift = along_channels(tangents[2], x.ndim)
    return shift.expand(tuple(out.shape)) if moved is None else moved + shift


def along_channels(b: Any, ndim: int) -> Any:
    """A vector of channels as (C, 1, ...), to broadcast against (N, C, *S)."""
    return b.reshape(-1, *(1,) * (ndim - 2))


# --- batching ------------------------------------------------------------------------------------


def merge(x: Any, axis: int, count: int = 2) -> Any:
    """Join `count` dimensions from `axis` on into one."""
    s = tuple(x.shape)
    return x.reshape(*s[:axis], _product(s[axis : axis + count]), *s[axis + count :])


def split(x: Any, axis: int, *sizes: int) -> Any:
    """Split one dimension into several."""
    s = tuple(x.shape)
    return x.reshape(*s[:axis], *sizes, *s[axis + 1 :])


def _product(sizes: Any) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


def _into(x: Any, dim: int, axis: int, groups: int) -> Any:
    """Fold the hidden dimension into an axis, within each of the axis' groups."""
    x = x.movedim(dim, axis)
    if groups == 1:
        return merge(x, axis)
    x = split(x, axis + 1, groups, x.shape[axis + 1] // groups)
    return merge(x.transpose(axis, axis + 1), axis, 3)


def _out_of(y: Any, size: int, axis: int, groups: int) -> tuple[Any, int]:
    """Undo `_into` on a result: (value, place of the hidden dimension)."""
    if groups == 1:
        return split(y, axis, size, y.shape[axis] // size), axis
    y = split(y, axis, groups, size, y.shape[axis] // (groups * size))
    return merge(y.transpose(axis, axis + 1), axis + 1), axis


def folded(first: Any, second: Any, both: tuple[int, int, int]) -> Any:
    """Batching rule of a bilinear primitive.

    `first` and `second` say, for a hidden dimension of that input alone, (axis it is folded into,
    whether that axis comes in groups, output axis it then shows up in, whether that does);
    `both` gives the axes of the two inputs and the output for more groups.
    """

    def rule(prim: Primitive, values: Any, dims: Any, params: Any) -> tuple[Any, int]:
        a, b = values
        da, db = dims
        groups, params = params["groups"], {**params, "strides": None}  # whose axes are others
        if da is not None and db is not None:
            size = a.shape[da]
            left, right, at = both
            out = prim(_into(a, da, left, 1), _into(b, db, right, 1),
                       **{**params, "groups": groups * size})  # fmt: skip
            return _out_of(out, size, at, 1)
        into, grouped, outof, out_grouped = first if db is None else second
        x, d = (a, da) if db is None else (b, db)
        size = x.shape[d]
        x = _into(x, d, into, groups if grouped else 1)
        out = prim(x, b, **params) if db is None else prim(a, x, **params)
        return _out_of(out, size, outof, groups if out_grouped else 1)

    return rule


conv_.batching(folded((0, False, 0, False), (0, True, 1, True), (1, 0, 1)))
conv_input_grad.batching(folded((0, False, 0, False), (1, False, 1, True), (1, 0, 1)))
conv_weight_grad.batching(folded((1, True, 0, True), (1, True, 1, False), (1, 1, 0)))


@conv_biased.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    x, w, b = values
    if dims[0] is None and dims[1] is None:
        out = conv_(x, w, **params)
        return out + to_front(b, dims[2]).reshape(-1, 1, out.shape[1], *(1,) * (out.ndim - 2)), 0
    out, at = conv_.batch(conv_, (x, w), dims[:2], params)
    out = to_front(out, at)
    if dims[2] is None:
        return out + along_channels(b, out.ndim - 1), 0
    b = to_front(b, dims[2])
    return out + b.reshape(b.shape[0], 1, b.shape[1], *(1,) * (out.ndim - 3)), 0
