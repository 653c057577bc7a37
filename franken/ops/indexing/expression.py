"""`x[...]`: reading an index expression, the views it makes, and the gather that the rest needs.

An expression becomes basic items (ints, slices, None: one view) and index tensors aligned with
axes of that view (one gather, `index_`). Index tensors are inputs of the primitive; negative
places and bounds are NumPy's, which are torch's.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from franken.core import shapes
from franken.core.batching import to_front
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive, bind
from franken.core.tensor import Tensor
from franken.ops.shape.movement import basic_, bind_view, permute_, select_, shape_of

# --- the gather primitive ------------------------------------------------------------------------


def key_of(indices: Any, pattern: tuple[int, ...]) -> tuple[Any, ...]:
    """The NumPy key of index arrays and whole axes."""
    found = iter(indices)
    return tuple([next(found) if p else slice(None) for p in pattern])


def bounds_error(error: IndexError, pattern: tuple[int, ...]) -> IndexError:
    """NumPy's message in torch's words, which count dimensions among the indexed ones."""
    text = str(error)
    if "empty axes" in text:
        return IndexError("index is out of bounds for dimension with size 0")
    found = _AXIS(text)
    if found is None:
        return error
    return IndexError(
        f"{text[: found.start()]}dimension {sum(pattern[: int(found[1])])}{text[found.end() :]}"
    )


_AXIS = re.compile(r"axis (\d+)").search


def _index_kernel(x: Any, *indices: Any, pattern: tuple[int, ...]) -> Any:
    try:
        if len(indices) == 1:
            return x.take(indices[0], axis=len(pattern) - 1)
        return x[key_of(indices, pattern)]
    except IndexError as error:
        if x.ndim >= len(pattern) and "broadcast" not in str(error):
            raise bounds_error(error, pattern) from None
        raise


def family(name: str, fixed: tuple[str, ...], kernel: Any, declare: Any) -> Any:
    """`prim(n)`: the primitive for n index tensors, made at first need.

    One for each number, since a rule names what the tape keeps: here the indices, not the data.
    """
    made: dict[int, Primitive] = {}

    def prim(n: int) -> Primitive:
        if n not in made:
            indices = tuple(f"i{k}" for k in range(n))
            made[n] = Primitive(name if n == 1 else f"{name}_{n}", (*fixed, *indices), kernel)
            made[n].vjp(*indices)(NOT_DIFFERENTIABLE)
            declare(made[n], ", ".join(indices), n)
        return made[n]

    return prim


def _declare_index(prim: Primitive, indices: str, n: int) -> None:
    rule = eval(  # the parameter names say what to keep, and their number differs
        f"lambda g, x_shape, {indices}, pattern: back(g, x_shape, ({indices},), pattern)",
        {"back": _index_back},
    )
    prim.vjp("x")(rule)
    prim.jvp(_index_tangent)
    prim.batching(_index_batched)


def _index_back(g: Any, x_shape: Any, indices: Any, pattern: Any) -> Any:
    from franken.ops.indexing.write import put_

    return put_(g.new_zeros(x_shape), g, *indices, pattern=pattern, accumulate=True)


def _index_tangent(tangents: Any, out: Any, x: Any, *indices: Any, pattern: Any) -> Any:
    return index_(tangents[0], *indices, pattern=pattern)


_index_prim = family("index", ("x",), _index_kernel, lambda *a: _declare_index(*a))


def index_(x: Any, *indices: Any, pattern: tuple[int, ...]) -> Any:
    """The gather primitive: `indices` at the ones of `pattern`, which covers x's leading axes."""
    return bind(_index_prim(len(indices)), (x, *indices), {"pattern": pattern})


def block_start(pattern: tuple[int, ...]) -> int:
    """Where the index block stands in the result: in place if adjacent, else in front."""
    first = pattern.index(1)
    last = len(pattern) - 1 - pattern[::-1].index(1)
    return first if all(pattern[first : last + 1]) else 0


def aligned_indices(indices: Any, dims: Any) -> tuple[list[Any], int]:
    """Indices with hidden dimensions in front and equal logical ranks; that rank."""
    rank = max(v.ndim - (d is not None) for v, d in zip(indices, dims, strict=True))
    out = []
    for v, d in zip(indices, dims, strict=True):
        if d is not None:
            v = to_front(v, d)
            v = v.reshape(v.shape[0], *(1,) * (rank - v.ndim + 1), *v.shape[1:])
        out.append(v)
    return out, rank


def counting(size: int, rank: int, like: Any) -> Any:
    """0, 1, ... along the hidden dimension, to pair each example with its own indices."""
    from franken.ops.surface.creation import finish

    return finish(np.arange(size).reshape(size, *(1,) * rank), like.device)


def move_block(pattern: tuple[int, ...], rank: int, ndim: int) -> tuple[int, ...]:
    """The order that takes (batch, index block, axes...) to (batch, result of the pattern...)."""
    start = block_start(pattern)
    block = list(range(1, rank + 1))
    rest = list(range(rank + 1, ndim))
    return (0, *rest[:start], *block, *rest[start:])


def _index_batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    (x, *indices), (dx, *di) = values, dims
    pattern = params["pattern"]
    if all(d is None for d in di):
        rank = max(i.ndim for i in indices)
        out = index_(to_front(x, dx), *indices, pattern=(0, *pattern))
        return out, 0 if block_start((0, *pattern)) else rank
    indices, rank = aligned_indices(indices, di)
    if dx is None:
        return index_(x, *indices, pattern=pattern), block_start(pattern)
    x = to_front(x, dx)
    each = counting(x.shape[0], rank, x)
    out = index_(x, each, *indices, pattern=(1, *pattern))
    return permute_(out, dims=move_block(pattern, rank, out.ndim)), 0


# --- reading an index expression ------------------------------------------------------------------


def _as_items(index: Any) -> tuple[Any, ...]:
    if type(index) is tuple:
        return index
    if isinstance(index, list) and _list_is_tuple(index):
        return tuple(index)
    return (index,)


def _list_is_tuple(index: list[Any]) -> bool:
    """A short list with a sequence, tensor, slice or None in it means a tuple, as in NumPy once."""
    return len(index) < 32 and any(
        isinstance(e, (Tensor, list, tuple, slice)) or e is None or e is Ellipsis for e in index
    )


def _tensor_item(e: Any, like: Tensor) -> Any:
    """An index tensor from a tensor, array or sequence."""
    if not isinstance(e, Tensor):
        from franken.ops.surface.data import tensor

        e = tensor(e, device=like.device)
        if e.shape.numel() == 0 and e.dtype.is_floating_point:
            e = e.long()
    name = e.dtype.name
    if name not in ("int64", "int32", "bool", "uint8"):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return e


class Parsed:
    """An index expression: `items` for one view, then `pattern` and `indices` for one gather."""

    __slots__ = ("indices", "items", "pattern")

    def __init__(self, items: list[Any], pattern: list[int], indices: list[Any]) -> None:
        self.items, self.pattern, self.indices = items, pattern, indices


def parse(x: Tensor, index: Any, keep_0d: bool = False) -> Parsed:
    """Read an index expression; 0-d integer tensors select as ints do, unless `keep_0d`."""
    entries = _as_items(index)
    shape = shape_of(x)
    room = len(shape) - _consumed(entries, x)
    if room < 0:
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    items: list[Any] = []
    pattern: list[int] = []
    indices: list[Any] = []
    axis = 0
    filled = False
    for e in entries:
        if e is Ellipsis:
            n = 0 if filled else room
            filled = True
            items += [(None, None, None)] * n
            pattern += [0] * n
            axis += n
        elif e is None:
            items.append(None)
            pattern.append(0)
        elif isinstance(e, slice):
            items.append(_slice_item(e, shape[axis]))
            pattern.append(0)
            axis += 1
        elif isinstance(e, (bool, np.bool_)):
            items.append(None)
            pattern.append(1)
            indices.append(_truth(bool(e), x))
        elif isinstance(e, (Tensor, list, tuple, np.ndarray, range)):
            e = _tensor_item(e, x)
            if not (keep_0d or e.ndim or e.level) and e.dtype.name not in ("bool", "uint8"):
                items.append(_int_item(e.item(), axis, shape))
                axis += 1
            else:
                axis += _add_tensor(e, x, shape, axis, items, pattern, indices)
        else:
            items.append(_int_item(e, axis, shape))
            axis += 1
    return Parsed(items, pattern, indices)


def _consumed(entries: tuple[Any, ...], x: Tensor) -> int:
    count = 0
    for e in entries:
        if e is None or e is Ellipsis or isinstance(e, (bool, np.bool_)):
            continue
        if isinstance(e, (Tensor, np.ndarray)) and e.dtype.name in ("bool", "uint8"):
            count += e.ndim
        elif isinstance(e, (list, tuple)) and _is_mask(e):
            count += np.ndim(e)
        else:
            count += 1
    return count


def _is_mask(e: Any) -> bool:
    while isinstance(e, (list, tuple)) and e:
        e = e[0]
    return isinstance(e, bool)


def _truth(value: bool, x: Tensor) -> Any:
    from franken.ops.surface.creation import finish

    return finish(np.zeros(int(value), np.int64), x.device)


def _add_tensor(
    e: Any, x: Tensor, shape: Any, axis: int, items: Any, pattern: Any, indices: Any
) -> int:
    """Append one index tensor; returns how many axes it used."""
    if e.dtype.name in ("bool", "uint8"):
        if e.ndim == 0:
            items.append(None)
            pattern.append(1)
            indices.append(_truth(bool(e.item()), x))
            return 0
        for k, n in enumerate(tuple(e.shape)):
            if shape[axis + k] != n:
                raise IndexError(
                    f"The shape of the mask {list(e.shape)} at index {k} does not match the shape "
                    f"of the indexed tensor {list(shape)} at index {axis + k}"
                )
        found = e.nonzero(as_tuple=True)
    else:
        found = (e,)
    items += [(None, None, None)] * len(found)
    pattern += [1] * len(found)
    indices += found
    return len(found)


def _int_item(e: Any, axis: int, shape: tuple[int, ...]) -> int:
    try:
        at = operator.index(e)
    except TypeError:
        if isinstance(e, str):
            raise TypeError(f"new(): invalid data type '{type(e).__name__}'") from None
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(e).__name__})"
        ) from None
    n = shape[axis]
    if not -n <= at < n:
        raise IndexError(f"index {at} is out of bounds for dimension {axis} with size {n}")
    return at + n if at < 0 else at


def _slice_item(e: slice, n: int) -> Any:
    if e.start is None and e.stop is None and e.step is None:
        return (None, None, None)
    start, stop, step = (_bound(v) for v in (e.start, e.stop, e.step))
    step = 1 if step is None else step
    if step <= 0:
        raise ValueError("step must be greater than zero")
    first, count = shapes.slice_bounds(start, stop, step, n)
    return (first, first + count * step if count else first, step)


def _bound(v: Any) -> Any:
    if v is None or type(v) is int:
        return v
    try:
        return operator.index(v)
    except TypeError:
        pass
    if isinstance(v, Tensor) and v.shape.numel() == 1:  # type: ignore[attr-defined]
        return int(v.item())  # type: ignore[attr-defined]
    raise TypeError("slice indices must be integers or None or have an __index__ method")


# --- reading --------------------------------------------------------------------------------------


def getitem(self: Tensor, index: Any) -> Tensor:
    """`x[index]`: a view for ints, slices, None and Ellipsis, else a copy."""
    kind = type(index)
    if kind is int:
        return _entry(self, index)
    if kind is Tensor and self.ndim and index.ndim and index.dtype.name == "int64":
        return index_(self, index, pattern=(1,))
    p = parse(self, index)
    if not p.indices:
        return bind_view(basic_, self, {"items": tuple(p.items)})
    return gathered(self, p)


def _entry(x: Any, index: int) -> Tensor:
    shape = shape_of(x)
    if not shape:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
            "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        )
    n = shape[0]
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {n}")
    at = index + n if index < 0 else index
    return bind_view(select_, x, {"dim": 0, "index": at})


def viewed(x: Tensor, p: Parsed) -> Tensor:
    """The view that the basic items make (x itself if they change nothing)."""
    if all(e == (None, None, None) for e in p.items):
        return x
    return bind_view(basic_, x, {"items": tuple(p.items)})


def trimmed(pattern: list[int]) -> tuple[int, ...]:
    """The pattern up to its last index tensor."""
    end = len(pattern)
    while not pattern[end - 1]:
        end -= 1
    return tuple(pattern[:end])


def gathered(x: Tensor, p: Parsed) -> Tensor:
    """The copy that the index tensors make."""
    check_broadcast(p.indices)
    base = viewed(x, p)
    return index_(base, *p.indices, pattern=trimmed(p.pattern))


def check_broadcast(indices: list[Any]) -> tuple[int, ...]:
    """The common shape of index tensors, or torch's IndexError."""
    common: tuple[int, ...] = ()
    for i in indices:
        try:
            common = shapes.broadcast_two(common, tuple(i.shape))
        except RuntimeError:
            listed = ", ".join(str(list(i.shape)) for i in indices)
            raise IndexError(
                f"shape mismatch: indexing tensors could not be broadcast together with shapes "
                f"{listed}"
            ) from None
    return common


def _len(self: Tensor) -> int:
    if self.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return self.shape[0]


def _iter(self: Tensor) -> Iterator[Tensor]:
    if self.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))  # type: ignore[attr-defined]


def _reversed(self: Tensor) -> Tensor:
    return self.flip(0) if self.ndim else self  # type: ignore[attr-defined]


_METHODS = {"__getitem__": getitem, "__len__": _len, "__iter__": _iter,
            "__reversed__": _reversed}  # fmt: skip
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
