"""Writing at index tensors: the index_put primitive, `x[...] = value`, index_put and put."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from franken.backends.numpy import places
from franken.core import inplace, state
from franken.core.calls.numbers import unboxed
from franken.core.calls.out import refuse_shared
from franken.core.geometry.memory import repeats
from franken.core.geometry.strides import contiguous_strides
from franken.core.node import edge_of
from franken.core.op import op
from franken.core.overriding.foreign import again
from franken.core.tensor import Tensor, held
from franken.ops.declaring.samples import S
from franken.ops.indexing.expression import (
    Parsed,
    check_broadcast,
    parse,
    trimmed,
    viewed,
)
from franken.ops.indexing.gather import refuse_outside
from franken.ops.indexing.index_put import block_start, put_
from franken.ops.shape.join import tensor_list
from franken.ops.shape.movement import basic_, bind_view
from franken.ops.surface.args import checked_number

# --- in place -------------------------------------------------------------------------------------


def put_inplace(x: Tensor, values: Any, indices: Any, pattern: Any, accumulated: bool) -> None:
    """Put values into x's own memory where nothing is recorded, else commit a new value."""
    if isinstance(values, Tensor):
        refuse_shared(x, (values,), "apart")
    in_memory = not accumulated or repeats(held(x))
    if in_memory and plain(x, values, *indices) and x._a.flags.writeable:
        warn_expanded(x, "index_put_")
        raw = values._a if isinstance(values, Tensor) else values
        places.write(x._a, raw, [i._a for i in indices], pattern, accumulated)
        inplace.bump(x)
        return
    inplace.commit(x, put_(x, values, *indices, pattern=pattern, accumulate=accumulated))


def warn_expanded(x: Tensor, name: str) -> None:
    """Warn as torch does where memory that appears several times is written to."""
    if repeats(held(x)):
        warnings.warn(
            f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before "
            "performing this operation. This also applies to advanced indexing e.g. "
            + ("tensor[mask] = scalar" if name == "masked_fill_" else "tensor[indices] = tensor"),
            stacklevel=4,
        )


def plain(*tensors: Any) -> bool:
    """Whether eager memory may be written to directly: no transform, no recording, one CPU."""
    if state.STATE.traces or state.STATE.recorder is not None:
        return False
    for t in tensors:
        if isinstance(t, Tensor):
            if t.level or t.device.type != "cpu":
                return False
            if (
                state.STATE.grad
                and (t._base is not None or t._node is not None)
                and (edge_of(t) is not None or t._base is not None and t._base._node is not None)
            ):
                return False
    return True


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """`x[index] = value`."""
    try:
        value = _value_for(self, value)
        mask = _mask_of_fill(self, index, value)
        p: Any = None if mask is not None else parse(self, index)
    except (IndexError, TypeError):
        again(setitem, None, (self, index, value), {})
        return
    if mask is not None:
        one = value.reshape(()) if isinstance(value, Tensor) else value  # type: ignore[attr-defined]
        self.masked_fill_(mask, one)  # type: ignore[attr-defined]
        return
    if p.indices:
        _set_indexed(self, p, value)
    else:
        copy_into(bind_view(basic_, self, {"items": tuple(p.items)}), value)


def _value_for(x: Tensor, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, _ASSIGNED):
        value = unboxed(value)
        if type(value) is int and not -(1 << 63) <= value < 1 << 63:
            raise ValueError("Overflow when unpacking long long")
        return checked_number(value, x.dtype)
    kind = type(value)
    module = "numpy." if kind.__module__ == "numpy" else ""
    name = _CLASS.get(x.dtype.name, x.dtype.scalar_name)
    raise TypeError(f"can't assign a {module}{kind.__name__} to a torch.{name}Tensor")


# Python's numbers, which np.float64 and np.complex128 are, and NumPy's integers; no other scalars.
_ASSIGNED = (bool, int, float, complex, np.integer)
_CLASS = {"bfloat16": "BFloat16"}


def _mask_of_fill(x: Tensor, index: Any, value: Any) -> Any:
    """The mask of `x[mask] = one value`, which needs no search for places; None otherwise."""
    if type(index) is tuple and len(index) == 1:
        index = index[0]
    if not isinstance(index, Tensor) or index.dtype.name not in ("bool", "uint8") or not index.ndim:
        return None
    if isinstance(value, Tensor) and value.shape.numel() != 1:
        return None
    have, shape = tuple(index.shape), tuple(x.shape)
    if have != shape[: len(have)]:
        return None
    if index.dtype.name == "uint8":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype unsigned char"
        )
    return index.reshape((*have, *(1,) * (len(shape) - len(have))))  # type: ignore[attr-defined]


def copy_into(view: Tensor, value: Any) -> Tensor:
    """Copy a number or a tensor, broadcast and cast, into a tensor's memory."""
    if not isinstance(value, Tensor):
        inplace.check(view, "copy_")
        if plain(view) and view._a.flags.writeable and not repeats(view._a):
            view._a[...] = value
            inplace.bump(view)
            return view
        value = view.new_full((), value)  # type: ignore[attr-defined]
    shape, have = tuple(view.shape), tuple(value.shape)
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    if have != tuple(value.shape):
        value = value.reshape(have)  # type: ignore[attr-defined]
    if have != shape:
        value = value.expand(shape)  # type: ignore[attr-defined]
    return view.copy_(value)  # type: ignore[attr-defined]


def _set_indexed(x: Tensor, p: Parsed, value: Any) -> None:
    base = viewed(x, p)
    inplace.check(base, "index_put_")
    pattern = trimmed(p.pattern)
    if isinstance(value, Tensor):
        value = fit_values(base, value, p.indices, pattern, True)
        _check_dtype(x, value)
    put_inplace(base, value, p.indices, pattern, False)


def _check_dtype(x: Tensor, values: Tensor) -> None:
    if values.dtype is not x.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{x.dtype.scalar_name} for the destination and {values.dtype.scalar_name} for the "
            "source."
        )


def result_shape(shape: tuple[int, ...], block: tuple[int, ...], pattern: Any) -> tuple[int, ...]:
    """The shape that indexing gives: `block` in place of the indexed axes."""
    kept = [n for n, p in zip(shape, (*pattern, *(0,) * len(shape)), strict=False) if not p]
    at = block_start(tuple(pattern))
    return (*kept[:at], *block, *kept[at:])


def fit_values(x: Tensor, values: Any, indices: Any, pattern: Any, loose: bool) -> Any:
    """Values that broadcast to the places (leading ones stripped if `loose`), or torch's error."""
    block = check_broadcast(indices)
    want = result_shape(tuple(x.shape), block, pattern) if indices else tuple(x.shape)
    have = tuple(values.shape)
    if loose:
        while len(have) > len(want) and have[0] == 1:
            have = have[1:]
    lead = len(want) - len(have)
    if lead < 0 or any(n not in (1, m) for n, m in zip(have, want[lead:], strict=True)):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to "
            f"indexing result of shape {list(want)}"
        )
    return values if have == tuple(values.shape) else values.reshape(have)


# --- public ops -----------------------------------------------------------------------------------


def _put_arguments(input: Tensor, indices: Any, values: Any) -> tuple[Any, Parsed]:
    if isinstance(indices, Tensor) or not isinstance(indices, (tuple, list)):
        raise TypeError(
            "index_put(): argument 'indices' (position 1) must be tuple of Tensors, not "
            f"{type(indices).__name__}"
        )
    _check_dtype(input, values)
    entries = tensor_list(indices, "index_put")
    parsed = parse(input, tuple(entries), keep_0d=True)
    if not entries:
        fit_values(input, values, [], (), False)
        raise RuntimeError("at least one index must be provided")
    return values, parsed


@op(
    samples=lambda t: [
        S(t(3, 4), (t.of([0, 2]), t.of([1, 3])), t(2)),
        S(t(3, 4), (t.index(5, high=3),), t(5, 4), accumulate=True),
        S(t(3, 4), (t.mask(3, 4),), t()),
    ],
    title="IndexPutBackward0",
)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with `values` written (or added) at the places that the index tensors name."""
    values, p = _put_arguments(input, indices, values)
    if all(e == (None, None, None) for e in p.items):
        pattern = trimmed(p.pattern)
        values = fit_values(input, values, p.indices, pattern, False)
        return put_(input, values, *p.indices, pattern=pattern, accumulate=accumulate)
    return index_put_(input.clone(), indices, values, accumulate)  # type: ignore[attr-defined]


@op(
    samples=lambda t: [
        S(t.const(3, 4), (t.of([0, 2]), t.of([1, 3])), t.const(2)),
        S(t.const(3, 4), (t.index(5, high=3),), t.const(5, 4), accumulate=True),
    ]
)
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Write (or add) `values` at the places that the index tensors name."""
    inplace.check(input, "index_put")
    values, p = _put_arguments(input, indices, values)
    base, pattern = viewed(input, p), trimmed(p.pattern)
    put_inplace(base, fit_values(base, values, p.indices, pattern, False), p.indices, pattern,
                accumulate)  # fmt: skip
    return input


@op(
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), t.of([0, 5, -1]), t(3)),
        S(t(3, 4), t.index(6, high=12), t(6), accumulate=True),
        S(t(3), t.index(0, high=3), t(0)),
    ],
    title="PutBackward0",
    layout="as_input",
)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with `source` written (or added) at places of the flattened tensor."""
    if index.dtype.name != "int64":
        raise RuntimeError(
            f"put_(): Expected a long tensor for index, but got {index.dtype.scalar_name}"
        )
    if input.dtype is not source.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{input.dtype.scalar_name} and source.dtype = {source.dtype.scalar_name}"
        )
    n, m = source.shape.numel(), index.shape.numel()
    if n != m:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {n}, index.numel() = {m}"
        )
    total = input.shape.numel()
    text = f"out of range: tried to access index {{}} on a tensor of {total} elements."
    refuse_outside(index, total, IndexError, text, -total)
    values: Any = source.reshape(-1)  # type: ignore[attr-defined]
    place = index.reshape(-1) % max(total, 1)  # type: ignore[attr-defined]
    if not input.ndim:
        row = put_(input.reshape(1), values, place, pattern=(1,), accumulate=accumulate)  # type: ignore[attr-defined]
        return row.reshape(())  # type: ignore[no-any-return]
    shape = tuple(input.shape)
    along = [place // s % max(n, 1) for n, s in zip(shape, contiguous_strides(shape), strict=True)]
    return put_(input, values, *along, pattern=(1,) * input.ndim, accumulate=accumulate)


def _delitem(self: Tensor, index: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


for _name, _method in (("__setitem__", setitem), ("__delitem__", _delitem)):
    _method.__name__ = _name
    setattr(Tensor, _name, _method)
