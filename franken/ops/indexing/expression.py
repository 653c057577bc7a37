"""`x[...]`: reading an index expression, the views it makes, and the gather that the rest needs.

An expression becomes basic items (ints, slices, None: one view) and index tensors aligned with
axes of that view (one gather, `index_`).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from franken.core.geometry import shapes
from franken.core.overriding.foreign import again
from franken.core.tensor import Tensor
from franken.ops.indexing.index_put import index_
from franken.ops.shape.movement import basic_, bind_view, select_, shape_of

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
    if not e.ndim and name in ("int8", "int16"):
        return e.long()  # one number, of whatever width
    if name == "uint8" and e.ndim:
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
            "instead.",
            stacklevel=5,
        )
    elif name not in ("int64", "int32", "bool", "uint8"):
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
    try:
        p = parse(self, index)
    except (IndexError, TypeError):
        return again(getitem, None, (self, index), {})  # type: ignore[no-any-return]
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
    while end and not pattern[end - 1]:
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
    if self.dim() == 0:  # type: ignore[attr-defined]
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))  # type: ignore[attr-defined]


def _reversed(self: Tensor) -> Tensor:
    return self.flip(0) if self.ndim else self  # type: ignore[attr-defined]


_METHODS = {"__getitem__": getitem, "__len__": _len, "__iter__": _iter, "__reversed__": _reversed}
for _name, _method in _METHODS.items():
    _method.__name__ = _name
    setattr(Tensor, _name, _method)
