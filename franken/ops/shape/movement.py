"""View primitives (reshape, permute, expand, slice, select, basic indexing) and their ops.

A view's kernel returns NumPy's own view of the same memory, so that in-place changes and aliasing
work by themselves; which shapes may be views is NumPy's no-copy rule, the same as torch's.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import state
from franken.core.batching import to_front, view_rule
from franken.core.device import CPU
from franken.core.geometry import shapes
from franken.core.geometry.arrange import with_strides
from franken.core.geometry.memory import element_strides, first_place, memory_of, restrided
from franken.core.geometry.strides import contiguous_strides, expand_strides, view_strides
from franken.core.node import record, step, titled
from franken.core.op import op
from franken.core.primitive import Primitive, _wrap, alias, bind, explain
from franken.core.state import INFERENCE
from franken.core.tensor import Parameter, Tensor
from franken.ops.declaring.samples import S

# --- embedding: the transpose of every view -------------------------------------------------------


def _embed_kernel(g: Any, *, shape: Any, prim: Primitive, params: Any, index: int) -> Any:
    out = np.zeros(shape, g.dtype)
    view = prim.cpu(out, **params)
    (view if index < 0 else view[index])[...] = g
    return out


embed_ = Primitive("embed", ("x",), _embed_kernel, meta="of_shape")


@embed_.vjp("x")
def _(g: Any, prim: Any, params: Any, index: int) -> Any:
    return step(g, (prim, params, index))


@embed_.jvp
def _(tangents: Any, out: Any, g: Any, **params: Any) -> Any:
    return embed_(tangents[0], **params)


@embed_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    g = to_front(values[0], dims[0])
    inner = params["prim"].batch.batched_params(params["params"], params["shape"])
    new = {**params, "shape": (g.shape[0], *params["shape"]), "params": inner}
    return embed_(g, **new), 0


def embed(g: Any, shape: Any, prim: Primitive, params: Any) -> Any:
    """Zeros of `shape` whose region `prim(**params)` holds `g`."""
    return embed_(g, shape=tuple(shape), prim=prim, params=params, index=-1)


def linear(prim: Primitive) -> Primitive:
    """Declare the tangent rule of a linear op: the op itself."""
    prim.jvp(lambda tangents, out, x, **params: bind(prim, (tangents[0],), params))
    return prim


def bind_view(prim: Primitive, x: Any, params: dict[str, Any], title: str | None = None) -> Any:
    """`bind` for a view of one tensor: half the time in the plain case."""
    kind = type(x)
    if state.SPECIAL or (kind is not Tensor and kind is not Parameter) or x.device is not CPU:
        out = bind(prim, (x,), params)
        return out if title is None else titled(out, title)
    a = x._a
    if not a.size:
        a = x._a = with_strides(a)
    try:
        out = _wrap(prim.cpu(a, **params), CPU)
    except ValueError as error:
        explain(prim, (x,), params, error)
    alias(x, out, (prim, params, -1))
    if (x._node is not None or x._base is not None) and out._ver is not INFERENCE:
        record(prim, (x,), params, out)
        if title is not None:
            titled(out, title)
    return out


def shape_of(x: Any) -> tuple[int, ...]:
    """The sizes as a plain tuple."""
    return tuple(x.shape) if x.level or x._bits else x._a.shape


# --- primitives -----------------------------------------------------------------------------------


def _reshape_kernel(x: Any, *, shape: tuple[int, ...]) -> Any:
    out = x.reshape(shape)
    if 1 not in out.shape or (x.flags.c_contiguous and 1 not in x.shape):
        return out
    if not hasattr(x.flags, "writeable") or memory_of(x) is None:  # the first: a GPU array
        return out
    # Of axes of one element torch keeps the steps that NumPy makes anew.
    steps = view_strides(x.shape, element_strides(x), out.shape)
    if steps is None or steps == element_strides(out):
        return out
    out = restrided(x, out.shape, steps, first_place(x))
    out.flags.writeable = x.flags.writeable
    return out


def _reshape_geometry(x: Any, *, shape: tuple[int, ...]) -> Any:
    steps = view_strides(x.shape, element_strides(x), shape) if x.size else None
    return x.reshape(shape) if steps is None else restrided(x, shape, steps, first_place(x))


reshape_ = linear(Primitive(
    "reshape", ("x",), _reshape_kernel, view=True, title="ViewBackward0", meta=_reshape_geometry
))  # fmt: skip


@reshape_.vjp("x")
def _(g: Any, x_shape: Any) -> Any:
    return reshape_(g, shape=x_shape)


def _reshape_batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    x = to_front(values[0], dims[0])
    return reshape_(x, shape=(x.shape[0], *params["shape"])), 0


def _reshape_params(p: Any, s: Any) -> Any:
    return {"shape": (0 if 0 in s else -1, *p["shape"])}


_reshape_batched.batched_params = _reshape_params  # type: ignore[attr-defined]
reshape_.batching(_reshape_batched)


def _unsqueeze_kernel(x: Any, *, dim: int) -> Any:
    shape = (*x.shape[:dim], 1, *x.shape[dim:])
    plain = x.size and 1 not in x.shape and (dim < x.ndim or x.flags.c_contiguous)
    on_host = hasattr(x.flags, "writeable")  # a GPU array has no such flag
    if plain or not on_host or (x.size and memory_of(x) is None):
        return x.reshape(shape)
    steps = element_strides(x)
    step = x.shape[dim] * steps[dim] if dim < x.ndim else 1
    return restrided(x, shape, (*steps[:dim], step, *steps[dim:]), first_place(x))


def _alias_kernel(x: Any) -> Any:
    return x.view()


alias_ = linear(
    Primitive("alias", ("x",), _alias_kernel, view=True, batch=view_rule(lambda p, s: p))
)


@alias_.vjp("x")
def _(g: Any) -> Any:
    return alias_(g)


unsqueeze_ = linear(Primitive(
    "unsqueeze", ("x",), _unsqueeze_kernel, view=True,
    batch=view_rule(lambda p, s: {"dim": p["dim"] + 1}), title="UnsqueezeBackward0",
))  # fmt: skip


def _squeeze_kernel(x: Any, *, dims: tuple[int, ...]) -> Any:
    return x.squeeze(dims)


squeeze_ = linear(Primitive(
    "squeeze", ("x",), _squeeze_kernel, view=True,
    batch=view_rule(lambda p, s: {"dims": tuple(d + 1 for d in p["dims"])}),
    title="SqueezeBackward0",
))  # fmt: skip


@squeeze_.vjp("x")
@unsqueeze_.vjp("x")
def _(g: Any, x_shape: Any) -> Any:
    return reshape_(g, shape=x_shape)


def _permute_kernel(x: Any, *, dims: tuple[int, ...]) -> Any:
    return x.transpose(dims)


permute_ = linear(Primitive(
    "permute", ("x",), _permute_kernel, view=True,
    batch=view_rule(lambda p, s: {"dims": (0, *(d + 1 for d in p["dims"]))}),
))  # fmt: skip


@permute_.vjp("x")
def _(g: Any, dims: Any) -> Any:
    return permute_(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__)))


def _expand_kernel(x: Any, *, shape: tuple[int, ...]) -> Any:
    """A broadcast view; its memory is written to only past the overlap check of `commit`."""
    on_host = hasattr(x.flags, "writeable")  # a GPU array has no such flag
    if x.size and x.flags.c_contiguous and x.dtype.kind != "V" and 0 not in shape and on_host:
        return type(x)(shape, x.dtype, x, 0, _expanded(x, shape))
    if on_host and memory_of(x) is not None:
        out = restrided(x, shape, _expanded(x, shape, x.itemsize), first_place(x))
    else:
        out = np.broadcast_to(x, shape)
    if on_host:
        out.flags.writeable = x.flags.writeable
    return out


def _expanded(x: Any, shape: tuple[int, ...], unit: int = 1) -> list[int]:
    """Strides of a broadcast view, in bytes over `unit`; a new axis of size one steps over all of
    the next."""
    lead = len(shape) - x.ndim
    steps = [0] * lead
    for n, m, s in zip(x.shape, shape[lead:], x.strides, strict=True):
        steps.append(s // unit if n == m else 0)
    if x.ndim:
        for axis in range(lead - 1, -1, -1):
            if shape[axis] == 1:
                steps[axis] = shape[axis + 1] * steps[axis + 1]
    return steps


expand_ = linear(Primitive("expand", ("x",), _expand_kernel, view=True))


@expand_.vjp("x")
def _(g: Any) -> Any:
    return g  # the engine reduces to the input's shape


@expand_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    x = to_front(values[0], dims[0])
    size, shape = x.shape[0], params["shape"]
    ones = (1,) * (len(shape) - (x.ndim - 1))
    return expand_(reshape_(x, shape=(size, *ones, *x.shape[1:])), shape=(size, *shape)), 0


def _slice_kernel(x: Any, *, dim: int, start: int, stop: int, step: int) -> Any:
    return x[(slice(None),) * dim + (slice(start, stop, step),)]


slice_ = linear(Primitive(
    "slice", ("x",), _slice_kernel, view=True,
    batch=view_rule(lambda p, s: {**p, "dim": p["dim"] + 1}),
))  # fmt: skip


@slice_.vjp("x")
def _(g: Any, x_shape: Any, dim: int, start: int, stop: int, step: int) -> Any:
    return embed(g, x_shape, slice_, {"dim": dim, "start": start, "stop": stop, "step": step})


def _select_kernel(x: Any, *, dim: int, index: int) -> Any:
    return x[(slice(None),) * dim + (index, ...)]


select_ = linear(Primitive(
    "select", ("x",), _select_kernel, view=True,
    batch=view_rule(lambda p, s: {**p, "dim": p["dim"] + 1}),
))  # fmt: skip


@select_.vjp("x")
def _(g: Any, x_shape: Any, dim: int, index: int) -> Any:
    return embed(g, x_shape, select_, {"dim": dim, "index": index})


# `items`: one entry for each indexed axis in order: an int selects, a (start, stop, step) slices
# and None inserts an axis; axes that are not named stay.
def _basic_kernel(x: Any, *, items: tuple[Any, ...]) -> Any:
    out = x[(*[slice(*e) if type(e) is tuple else e for e in items], ...)]
    if None in items:  # NumPy gives new axes stride 0, torch the one that a reshape gives
        rest = [slice(*e) if type(e) is tuple else e for e in items if e is not None]
        return x[(*rest, ...)].reshape(out.shape)
    return out


def _basic_title(node: Any) -> str:
    """The name of the last step that torch would take: it indexes one dimension after another."""
    items, shape = node.params["items"], node.saved[0]
    name, dim = "Slice" if items == ((None, None, None),) else "Alias", 0
    for item in items:
        if item is None:
            name = "Unsqueeze"
        elif isinstance(item, tuple):
            if range(shape[dim])[slice(*item)] != range(shape[dim]):
                name = "Slice"
            dim += 1
        else:
            name, dim = "Select", dim + 1
    return f"{name}Backward0"


basic_ = linear(Primitive(
    "basic_index", ("x",), _basic_kernel, view=True, title=_basic_title,
    batch=view_rule(lambda p, s: {"items": ((None, None, None), *p["items"])}),
))  # fmt: skip


@basic_.vjp("x")
def _(g: Any, x_shape: Any, items: Any) -> Any:
    return embed(g, x_shape, basic_, {"items": items})


def _flip_kernel(x: Any, *, dims: tuple[int, ...]) -> Any:
    turned = slice(None, None, -1)
    return x[(*[turned if d in dims else slice(None) for d in range(x.ndim)], ...)].copy()


flip_ = linear(Primitive(
    "flip", ("x",), _flip_kernel, layout="as_input",
    batch=view_rule(lambda p, s: {"dims": tuple(d + 1 for d in p["dims"])}), meta="same",
))  # fmt: skip


@flip_.vjp("x")
def _(g: Any, dims: Any) -> Any:
    return flip_(g, dims=dims)


# --- arguments ---------------------------------------------------------------------------------


def sizes(args: tuple[Any, ...], spelled: Any = None, what: str = "size") -> tuple[int, ...]:
    """The sizes of a call such as view(2, 3), view((2, 3)) or view(size=(2, 3))."""
    if spelled:
        args = args if args else (spelled.pop(what, ()),)
        if spelled:
            raise TypeError(f"got an unexpected keyword argument '{next(iter(spelled))}'")
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    for a in args:
        if type(a) is not int:
            return tuple(_size(a, i, what) for i, a in enumerate(args))
    return args


def _size(a: Any, position: int, what: str) -> int:
    if isinstance(a, Tensor) and a.ndim == 0 and not a.dtype.is_floating_point:
        return int(a.item())  # type: ignore[attr-defined]
    if isinstance(a, bool) or not hasattr(a, "__index__"):
        raise TypeError(
            f"argument '{what}' must be tuple of ints, but found element of type "
            f"{type(a).__name__} at pos {position}"
        )
    return operator.index(a)


def wanted(shape: tuple[int, ...], have: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with its -1 replaced, for the elements of `have`."""
    count = math.prod(have)
    if -1 not in shape and math.prod(shape) == count and (count or min(shape, default=0) >= 0):
        return shape
    return shapes.infer_size(shape, count)


def axis_of(input: Tensor, dim: Any) -> int:
    """A `dim` argument counted from the front."""
    return shapes.wrap_dim(operator.index(dim), input.ndim)


# --- public ops -----------------------------------------------------------------------------------


@op(
    samples=lambda t: [
        S(t(3, 4), (2, 6)),
        S(t(2, 3, 4), (-1, 4)),
        S(t(), (1, 1)),
        S(t(2, 0), (0, 5)),
    ]
)
def reshape(input: Tensor, *shape: int, **spelled: Any) -> Tensor:
    """The same elements in another shape; a view where possible."""
    want = wanted(sizes(shape, spelled, "shape"), shape_of(input))
    out = bind_view(reshape_, input, {"shape": want})
    if out._base is None and out._node is not None:  # a copy was needed
        titled(out, "UnsafeViewBackward0")
    return out


@op(
    samples=lambda t: [
        S(t(2, 3, 4), (2, 0, 1)),
        S(t(2, 3), (-1, 0)),
        S(t(), ()),
        S(t(2, 0), (1, 0)),
    ]
)
def permute(input: Tensor, *dims: int, **spelled: Any) -> Tensor:
    """A view with the dimensions in another order."""
    order = shapes.check_permutation(sizes(dims, spelled, "dims"), input.ndim)
    return bind_view(permute_, input, {"dims": order})


@op(
    alias=("moveaxis",),
    samples=lambda t: [S(t(2, 3, 4), 0, -1), S(t(2, 3, 4), (0, 1), (2, 0)), S(t(2, 0), 0, 1)],
)
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view with some dimensions moved, the others keeping their order."""
    n = input.ndim
    src, dst = shapes.integers(source), shapes.integers(destination)
    if len(src) != len(dst):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(src)} dims) should "
            f"contain the same number of dims as destination ({list(dst)} dims)"
        )
    if n == 0:
        return bind_view(permute_, input, {"dims": ()})
    if len(src) == 1:
        src, dst = (shapes.wrap_dim(src[0], n),), (shapes.wrap_dim(dst[0], n),)
    else:
        src = _unique("source", src, n)
        dst = _unique("destination", dst, n)
    order = [d for d in range(n) if d not in src]
    for d, s in sorted(zip(dst, src, strict=True)):
        order.insert(d, s)
    return bind_view(permute_, input, {"dims": tuple(order)})


def _unique(what: str, given: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    dims = tuple(shapes.wrap_dim(d, ndim) for d in given)
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"movedim: repeated dim in `{what}` ({list(given)})")
    return dims


@op(
    at="",
    method=True,
    samples=lambda t: [S(t(3, 1), 3, 4), S(t(3), (2, -1)), S(t(), (2, 3)), S(t(2, 1), (2, 0))],
)
def expand(input: Tensor, *size: int, implicit: bool = False, **spelled: Any) -> Tensor:
    """A view with dimensions of size 1 repeated to `size`; -1 keeps a size."""
    shape = shape_of(input)
    want = sizes(size, spelled)
    if want == shape:
        return bind_view(expand_, input, {"shape": shape})
    if len(want) < len(shape):
        raise RuntimeError(
            f"expand({input.type()}{{{list(shape)}}}, size={list(want)}): the number of sizes "  # type: ignore[attr-defined]
            f"provided ({len(want)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(shape)})"
        )
    target, _ = expand_strides(shape, contiguous_strides(shape), want)
    return bind_view(expand_, input, {"shape": target})


@op(
    samples=lambda t: [
        S(t(3, 4), 1, 1, 2),
        S(t(3, 4), -2, 0, 3),
        S(t(4), 0, t.of(1), 2),
        S(t(4), 0, 4, 0),
    ]
)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` entries of one dimension, from `start` (an int or 0-d tensor) on."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if isinstance(start, Tensor):
        if start.ndim or start.dtype.kind != dt.INTEGER:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = start.item()  # type: ignore[attr-defined]
    d = shapes.wrap_dim(dim, input.ndim)
    n, at = input.shape[d], int(start)
    if not -n <= at <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [{-n}, {n}], but got {at})"
        )
    at = at + n if at < 0 else at
    if at + length > n:
        raise RuntimeError(f"start ({at}) + length ({length}) exceeds dimension size ({n}).")
    return bind_view(slice_, input, {"dim": d, "start": at, "stop": at + length, "step": 1})


@op(samples=lambda t: [S(t(3, 4), 1, 2), S(t(3, 4), -2, -1), S(t(2, 0), 0, 1)])
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one entry of a dimension, which it removes."""
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = shapes.wrap_dim(dim, input.ndim)
    n, at = input.shape[d], int(index)
    if not -n <= at < n:
        raise IndexError(
            f"select(): index {at} out of range for tensor of size {list(input.shape)} "
            f"at dimension {d}"
        )
    return bind_view(select_, input, {"dim": d, "index": at + n if at < 0 else at})


@op(samples=lambda t: [S(t(2, 3, 4), 0, 2), S(t(2, 3, 4), -1, 1), S(t(), 0, -1), S(t(2, 0), 0, 1)])
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions swapped."""
    n = input.ndim
    a, b = shapes.wrap_dim(dim0, n), shapes.wrap_dim(dim1, n)
    order = list(range(n))
    if order:
        order[a], order[b] = b, a
    return bind_view(permute_, input, {"dims": tuple(order)}, "TransposeBackward0")


@op(samples=lambda t: [S(t(3, 4), 1), S(t(3, 4), -1), S(t(), 0), S(t(2, 0), 2)])
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a dimension of size one inserted before `dim`."""
    at = shapes.wrap_dim(dim, len(shape_of(input)) + 1)
    return bind_view(unsqueeze_, input, {"dim": at})


@op(
    samples=lambda t: [
        S(t(3, 1, 4)),
        S(t(3, 1, 1), 1),
        S(t(1, 3, 1), (0, -1)),
        S(t(3, 4), 0),
        S(t()),
        S(t(1, 0)),
    ]
)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """A view without the dimensions of size one (all, or those among `dim`)."""
    shape = shape_of(input)
    if dim is None:
        gone = tuple([i for i, n in enumerate(shape) if n == 1])
        return bind_view(squeeze_, input, {"dims": gone})
    given = shapes.wrap_dims((dim,) if isinstance(dim, int) else dim, len(shape))
    gone = tuple([i for i in given if shape and shape[i] == 1])
    title = "SqueezeBackward1" if isinstance(dim, int) else "SqueezeBackward2"
    return bind_view(squeeze_, input, {"dims": gone}, title)


@op(samples=lambda t: [S(t(2, 3, 4), (0, 2)), S(t(3, 4), (-1,)), S(t(), ()), S(t(2, 0), (0, 1))])
def flip(input: Tensor, *dims: int, **spelled: Any) -> Tensor:
    """A copy with the order of the elements reversed along `dims`."""
    return flip_(input, dims=shapes.wrap_dims(sizes(dims, spelled, "dims"), input.ndim))
