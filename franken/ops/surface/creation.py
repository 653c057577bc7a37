"""Tensors from nothing: zeros, ones, full, empty, eye, and their `_like` and `new_` forms.

Knows sizes and options. What is made like a traced tensor is traced too, so that it can be changed
in place inside a transform. Memory of `empty` is zeroed: no result depends on what was there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.layouts import coo
from franken.core import dtypes as dt
from franken.core import state
from franken.core.batching import batch_size, to_front
from franken.core.calls.out import MADE, Into, write_made
from franken.core.device import CPU, resolve
from franken.core.geometry import layout as layouts
from franken.core.geometry.memory import element_strides, over
from franken.core.geometry.shapes import INT64_MAX
from franken.core.geometry.strides import (
    contiguous_strides,
    memory_format_strides,
    preserved_strides,
)
from franken.core.layouts.tensor import made
from franken.core.op import op
from franken.core.primitive import Primitive, _wrap, born
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, created, created_like, created_new
from franken.ops.surface.args import (
    allocate,
    as_device,
    as_dtype,
    as_sizes,
    check_options,
    checked_number,
    dtype_of_number,
    integer,
    number,
    size_tuple,
    unwritten,
)


def finish(array: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A Tensor around a NumPy array, moved to `device`."""
    dev = resolve(device)
    if dev is not CPU:
        from franken.backends import registry

        t = _wrap(registry.from_host(array, dev), dev)
    else:
        t = _wrap(array, CPU)
    if state.SPECIAL:
        t = born(t)
    if requires_grad:
        require_grad(t)
    return t


def require_grad(t: Tensor) -> None:
    """Make a new tensor a leaf that requires grad."""
    if not (t.dtype.is_floating_point or t.dtype.is_complex):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    t.requires_grad = True  # type: ignore[attr-defined]


def strided_array(shape: tuple[int, ...], strides: tuple[int, ...], np_dtype: Any) -> Any:
    """Zeroed memory seen under `strides` (in elements)."""
    if strides == contiguous_strides(shape):
        return allocate(shape, np_dtype)
    step = np_dtype.itemsize
    count = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    memory = allocate((0 if 0 in shape else count,), np_dtype)
    return over(memory, shape, [s * step for s in strides], 0)


def like_strides(t: Tensor, memory_format: Any) -> tuple[int, ...] | None:
    """Strides of a tensor like `t` in a memory format (its own by default); None: row-major."""
    shape = tuple(t.shape)
    if memory_format is None or memory_format is layouts.preserve_format:
        if t.level or (t._a.flags.c_contiguous and 1 not in shape):
            return None
        return preserved_strides(shape, element_strides(t._a))
    return memory_format_strides(shape, memory_format)


def _filled(array: Any, value: Any) -> Any:
    if value:
        array.fill(value)
    return array


def filled(
    shape: tuple[int, ...], value: Any, d: dt.dtype, dev: Any, requires_grad: bool = False,
    strides: tuple[int, ...] | None = None,
) -> Tensor:  # fmt: skip
    """A tensor of one value, made where it will live."""
    if dev is CPU:
        array = allocate(shape, d.np) if strides is None else strided_array(shape, strides, d.np)
        t = _wrap(_filled(array, value), CPU)
    else:
        from franken.backends import registry

        order = tuple(range(len(shape)))
        if strides is not None:
            order = tuple(sorted(order, key=lambda axis: (-strides[axis], axis)))
        t = _wrap(registry.filled(shape, value, d.np, dev, order), dev)
    if state.SPECIAL:
        t = born(t)
    if requires_grad:
        require_grad(t)
    return t


def _check_out(out: Any, dtype: Any) -> None:
    if dtype is not None and out.dtype is not dtype:
        raise RuntimeError(
            f"dtype {dtype.scalar_name} does not match dtype of out parameter "
            f"({out.dtype.scalar_name})"
        )


def written(name: str, out: Any, array: Any, dtype: Any = None, into: Into = MADE) -> Tensor:
    """Write a made array into `out=`."""
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    _check_out(out, dtype)
    made = finish(array.astype(out.dtype.np), out.device)
    return write_made(name, out, made, into)  # type: ignore[no-any-return]


# --- by size -------------------------------------------------------------------------------------


def nothing_stored(
    shape: Sequence[int], d: dt.dtype, device: Any, requires_grad: bool = False
) -> Tensor:
    """Zeros in coordinates, none of them stored."""
    shape = tuple(shape)
    t: Tensor = made(coo.empty(shape, len(shape), d.np), as_device("empty", device))
    if requires_grad:
        require_grad(t)
    return t


def _factory(name: str, value: int, doc: str) -> Any:
    def create(
        *args: int | Sequence[int], size: Any = None, out: Any = None, dtype: Any = None,
        layout: Any = None, device: Any = None, pin_memory: bool = False,
        requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        shape = as_sizes(name, args, size)
        if layout is layouts.sparse_coo and not value:
            return nothing_stored(shape, as_dtype(name, dtype), device, requires_grad)
        check_options(name, layout, requires_grad, pin_memory)
        d = as_dtype(name, dtype)
        if out is None:
            return filled(shape, value, d, as_device(name, device), requires_grad)
        array = _filled(allocate(shape, d.np), value)
        return written(name, out, array, d if dtype is not None else None)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return op(method=False, samples=created)(create)


zeros = _factory("zeros", 0, "Zeros of the given sizes.")
ones = _factory("ones", 1, "Ones of the given sizes.")


@op(method=False, samples=created)
def empty(
    *args: int | Sequence[int], size: Any = None, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Memory of the given sizes, zeroed."""
    shape = as_sizes("empty", args, size)
    if layout is layouts.sparse_coo:
        return nothing_stored(shape, as_dtype("empty", dtype), device, requires_grad)
    check_options("empty", layout, requires_grad, pin_memory)
    d = as_dtype("empty", dtype)
    if out is not None:
        return written("empty", out, allocate(shape, d.np), d if dtype is not None else None)
    strides = memory_format_strides(shape, memory_format or layouts.contiguous_format)
    return filled(shape, unwritten(d), d, as_device("empty", device), requires_grad, strides)


@op(method=False, samples=lambda t: [S((2, 3), 1.5), S((), True), S((2, 0), 3, dtype=t.dtype)])
def full(
    size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor filled with one number, whose kind decides the dtype unless one is given."""
    shape = size_tuple("full", size)
    check_options("full", layout, requires_grad, pin_memory)
    value = number("full", "fill_value", 2, fill_value)
    d = as_dtype("full", dtype, out.dtype if isinstance(out, Tensor) else dtype_of_number(value))
    value = checked_number(value, d, by_kernel=math.prod(shape) != 1)
    if out is None:
        return filled(shape, value, d, as_device("full", device), requires_grad)
    array = _filled(allocate(shape, d.np), value)
    return written("full", out, array, d if dtype is not None else None)


@op(
    method=False, samples=lambda t: [S((2, 3), (3, 1)), S((2, 3), (1, 2), dtype=t.dtype), S((), ())]
)
def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Zeroed memory under explicit strides (in elements)."""
    shape, strides = size_tuple("empty_strided", size), tuple(int(s) for s in stride)
    check_options("empty_strided", layout, requires_grad, pin_memory)
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(strides)})"
        )
    d = as_dtype("empty_strided", dtype)
    reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if min(strides, default=0) < 0 or 0 not in shape and (reach + 1) * d.itemsize > INT64_MAX:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(strides)}"
        )
    return finish(
        _filled(strided_array(shape, strides, d.np), unwritten(d)),
        as_device("empty_strided", device),
        requires_grad,
    )


@op(method=False, samples=lambda t: [S((2, 3), (1, 0)), S((2, 3, 4), (0, 2, 1), dtype=t.dtype)])
def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Zeroed memory whose dimensions lie in memory in the order of `physical_layout`."""
    shape, order = size_tuple("empty_permuted", size), tuple(physical_layout)
    check_options("empty_permuted", layout, requires_grad, pin_memory)
    if len(order) != len(shape):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    for at, axis in enumerate(order):
        if not 0 <= axis < len(shape):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got "
                f"{axis} at index {at}).  NB: negative dims not currently supported; file an issue "
                "if you want it."
            )
    packed = contiguous_strides(tuple(shape[d] for d in order))
    strides = tuple(packed[order.index(d)] for d in range(len(shape)))
    d = as_dtype("empty_permuted", dtype)
    return finish(
        _filled(strided_array(shape, strides, d.np), unwritten(d)),
        as_device("empty_permuted", device),
        requires_grad,
    )


@op(method=False, samples=lambda t: [S(1.5), S(2, dtype=t.dtype)])
def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A 0-dimensional tensor of one number, of the default dtype unless one is given."""
    check_options("scalar_tensor", layout, requires_grad, pin_memory)
    d = as_dtype("scalar_tensor", dtype)
    value = checked_number(number("scalar_tensor", "s", 1, s), d)
    return finish(np.array(value, d.np), as_device("scalar_tensor", device), requires_grad)


@op(method=False, samples=lambda t: [S(3), S(2, 4, dtype=t.dtype), S(0)])
def eye(
    n: int, m: Any = None, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Ones on the diagonal, zeros elsewhere."""
    rows = integer("eye", "n", 1, n)
    columns = rows if m is None else integer("eye", "m", 2, m)
    check_options("eye", layout, requires_grad, pin_memory)
    for name, value in (("n", rows), ("m", columns)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    d = as_dtype("eye", dtype, out.dtype if isinstance(out, Tensor) else None)
    array = allocate((rows, columns), d.np)
    np.fill_diagonal(array, 1)
    if out is not None:
        return written("eye", out, array, d if dtype is not None else None)
    return finish(array, as_device("eye", device), requires_grad)


# --- like another tensor -------------------------------------------------------------------------


def _filled_like_kernel(x: Any, *, shape: Any, value: Any, to: dt.dtype) -> Any:
    return np.full(x.shape if shape is None else shape, value, to.np)


# Serves traced tensors only: the result hides the same dimensions as the tensor it is made like.
filled_like = Primitive(
    "filled_like", ("x",), _filled_like_kernel,
    meta=lambda x, *, shape, to, **_: rules.reserved(x.shape if shape is None else shape, to.np),
).not_differentiable()  # fmt: skip
filled_like.jvp(lambda tangents, out, x, **params: None)  # a constant: truly zero, not missing


@filled_like.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    shape = params["shape"]
    if shape is not None:
        params = {**params, "shape": (batch_size(values, dims), *shape)}
    return filled_like(to_front(values[0], dims[0]), **params), 0


def _make(
    name: str, x: Tensor, shape: Any, value: Any, dtype: Any, layout: Any, device: Any,
    pin_memory: bool, requires_grad: bool, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor of one value (None: unwritten) like `x`; `shape` None: x's, in its memory order."""
    if x.foreign and not x.level and layout is not layouts.strided:
        return x.made_like(name, shape, value, dtype, requires_grad)  # type: ignore[attr-defined,no-any-return]
    if layout is layouts.sparse_coo and name == "zeros_like":
        return nothing_stored(x.shape, as_dtype(name, dtype, x.dtype), device, requires_grad)
    check_options(name, layout, requires_grad, pin_memory)
    d = as_dtype(name, dtype, x.dtype)
    count = math.prod(tuple(x.shape) if shape is None else shape)
    value = unwritten(d) if value is None else checked_number(value, d, by_kernel=count != 1)
    dev = x.device if device is None else as_device(name, device)
    if x.level and dev is x.device:
        t: Tensor = filled_like(x, shape=shape, value=value, to=d)
        if requires_grad:
            require_grad(t)
        return t
    if shape is not None:
        return filled(shape, value, d, dev, requires_grad)
    return filled(tuple(x.shape), value, d, dev, requires_grad, like_strides(x, memory_format))


def _like(name: str, value: int | None, doc: str) -> Any:
    def create(
        input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None,
        pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        return _make(name, input, None, value, dtype, layout, device, pin_memory, requires_grad,
                     memory_format)  # fmt: skip

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return op(method=False, samples=created_like)(create)


zeros_like = _like("zeros_like", 0, "Zeros of a tensor's sizes, dtype, device and memory order.")
ones_like = _like("ones_like", 1, "Ones of a tensor's sizes, dtype, device and memory order.")
empty_like = _like("empty_like", None, "Memory of a tensor's sizes, dtype, device and order.")


@op(
    method=False,
    samples=lambda t: [
        S(t.const(2, 3), 1.5),
        S(t.const(), 2, dtype=t.module.float64),
        S(t.const(2, 0), 0),
    ],
)
def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """One number in a tensor's sizes, dtype, device and memory order."""
    value = number("full_like", "fill_value", 2, fill_value)
    return _make("full_like", input, None, value, dtype, layout, device, pin_memory, requires_grad,
                 memory_format)  # fmt: skip


def _new(name: str, value: int | None, doc: str) -> Any:
    def create(
        input: Tensor, *args: int | Sequence[int], size: Any = None, dtype: Any = None,
        layout: Any = None, device: Any = None, pin_memory: bool = False,
        requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        shape = as_sizes(name, args, size)
        return _make(name, input, shape, value, dtype, layout, device, pin_memory, requires_grad)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return op(at="", method=True, samples=created_new)(create)


new_zeros = _new("new_zeros", 0, "Zeros of the given sizes, of this dtype and device.")
new_ones = _new("new_ones", 1, "Ones of the given sizes, of this dtype and device.")
new_empty = _new("new_empty", None, "Zeroed memory of the given sizes, of this dtype and device.")


@op(
    at="",
    method=True,
    samples=lambda t: [
        S(t.const(2), (2, 3), 1.5),
        S(t.const(), (), 2),
        S(t.const(), (2, 0), 0, dtype=t.module.float64),
    ],
)
def new_full(
    input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """One number in the given sizes, of this dtype and device."""
    shape = size_tuple("new_full", size)
    value = number("new_full", "fill_value", 2, fill_value)
    return _make("new_full", input, shape, value, dtype, layout, device, pin_memory, requires_grad)


@op(
    at="",
    method=True,
    samples=lambda t: [
        S(t.const(2), (2, 3), (3, 1)),
        S(t.const(), (2, 3), (1, 2), dtype=t.module.float64),
    ],
)
def new_empty_strided(
    input: Tensor, size: Any, stride: Any, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Zeroed memory under explicit strides, of this dtype and device."""
    return empty_strided(
        size, stride, dtype=dtype or input.dtype, layout=layout,
        device=input.device if device is None else device, pin_memory=pin_memory,
        requires_grad=requires_grad,
    )  # fmt: skip
