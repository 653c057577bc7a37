"""Run kernels on NumPy memory in Triton's interpreter, with every access checked.

Needs TRITON_INTERPRET=1 before kernels are imported. Triton 3.9's interpreter truncates bfloat16,
multiplies it as integers and reads any address; here bfloat16 is ml_dtypes' (round to nearest
even), products round their inputs as the precision asked for says, a load or store outside of the
arrays of the launch raises, and reductions by a user's function work on whole slices.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ml_dtypes
import numpy as np
import triton
import triton.language as tl
from triton.runtime import interpreter as _interpreter

from ..launching.policy import Policy

_BF16 = np.dtype(ml_dtypes.bfloat16)


class OutOfBounds(RuntimeError):
    """A kernel touched memory outside of the arrays it was given."""


class _Pointer:
    """An array as the interpreter wants its arguments: torch's names for address and storage."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.dtype = array.dtype

    def data_ptr(self) -> int:
        return self.array.__array_interface__["data"][0]

    def untyped_storage(self) -> _Pointer:
        return self

    cpu = untyped_storage

    def new_empty(self, *_: Any, **__: Any) -> _Pointer:
        return _Pointer(self.array)

    def set_(self, storage: _Pointer, *_: Any) -> _Pointer:
        self.array = storage.array
        return self

    def copy_(self, *_: Any) -> _Pointer:
        return self  # the kernel wrote the array itself

    def storage_offset(self) -> int:
        return 0

    def size(self) -> tuple[int, ...]:
        return self.array.shape

    def stride(self) -> tuple[int, ...]:
        return self.array.strides


class Bounds:
    """The byte ranges that the running launch may touch."""

    def __init__(self) -> None:
        self.low = self.high = np.empty(0, np.uint64)
        self.writable = np.empty(0, bool)

    def set(self, arrays: list[np.ndarray]) -> None:
        """Allow exactly these arrays' bytes."""
        spans = sorted((*np.lib.array_utils.byte_bounds(a), a.flags.writeable) for a in arrays)
        self.low, self.high = (np.array([s[k] for s in spans], np.uint64) for k in (0, 1))
        self.writable = np.array([s[2] for s in spans], bool)

    def check(self, ptrs: np.ndarray, mask: np.ndarray, size: int, store: bool) -> None:
        """Raise OutOfBounds unless every unmasked access of `size` bytes lies in one array."""
        ptrs, mask = np.broadcast_arrays(ptrs, mask)
        used = ptrs[mask]
        if used.size == 0:
            return
        inside = np.zeros(used.shape, bool)
        near = (self.low <= used.max()) & (self.high >= used.min())  # a table may reach thousands
        spans = (self.low[near], self.high[near], self.writable[near])
        for low, high, writable in zip(*spans, strict=True):
            if writable or not store:
                inside |= (used >= low) & (used + np.uint64(size) <= high)
        if not inside.all():
            what = "store" if store else "load"
            bad = int(used[~inside][0])
            raise OutOfBounds(
                f"{what} of {size} bytes at {bad:#x}: {int((~inside).sum())} of {used.size} lanes "
                f"are outside of the launch's {len(self.low)} arrays"
            )


bounds = Bounds()


_np_types: dict[str, np.dtype] = {"bf16": _BF16}


def _np_dtype(tt_dtype: Any) -> np.dtype:
    """NumPy's type of a scalar, pointer or block; the stock function makes its table each time."""
    name = tt_dtype.scalar.name
    if name not in _np_types:
        _np_types[name] = _stock_np_dtype(tt_dtype.scalar)
    return _np_types[name]


def _handle(data: np.ndarray, dtype: Any) -> Any:
    return _interpreter.TensorHandle(data, dtype)


def _cast(self: Any, src: Any, dst_type: Any, rounding: Any = None) -> Any:
    """Convert by NumPy's and ml_dtypes' casts, which round to nearest even."""
    if src.dtype.scalar.is_fp8() or dst_type.scalar.is_fp8():
        data = src.data
        if src.dtype.scalar == tl.bfloat16:
            data = data.astype(np.float32)
        source = tl.float32 if src.dtype.scalar == tl.bfloat16 else src.dtype.scalar
        return _stock_fp_to_fp(self, _handle(data, source), dst_type, rounding)
    with np.errstate(all="ignore"):
        data = src.data.astype(_np_dtype(dst_type))
    return _handle(data, dst_type.scalar)


def _load(self: Any, ptrs: Any, mask: Any, other: Any, *_: Any) -> Any:
    element = ptrs.get_element_ty()
    dtype = _np_dtype(element)
    bounds.check(ptrs.data, mask.data, dtype.itemsize, False)
    raw = np.dtype(np.uint16) if dtype == _BF16 else dtype
    fill = np.zeros(ptrs.data.shape, raw) if other is None else other.data.astype(dtype).view(raw)
    fill = np.ascontiguousarray(np.broadcast_to(fill, ptrs.data.shape))
    wanted = np.ascontiguousarray(np.broadcast_to(mask.data, ptrs.data.shape))
    got = _interpreter._interpreter.load(ptrs.data, wanted, fill, raw)
    return _handle(got.view(dtype), element)


def _store(self: Any, ptrs: Any, value: Any, mask: Any, *_: Any) -> Any:
    dtype = _np_dtype(ptrs.get_element_ty())
    bounds.check(ptrs.data, mask.data, dtype.itemsize, True)
    data = np.ascontiguousarray(np.broadcast_to(value.data, ptrs.data.shape))
    data = data.view(np.uint16) if data.dtype == _BF16 else data
    wanted = np.ascontiguousarray(np.broadcast_to(mask.data, ptrs.data.shape))
    return _interpreter._interpreter.store(ptrs.data, data, wanted)


def _dot(self: Any, a: Any, b: Any, d: Any, precision: Any, *_: Any) -> Any:
    """Multiply in the accumulator's type; float32 inputs are rounded first where TF32 is meant."""
    wide = d.data.dtype
    left, right = a.data, b.data
    if left.dtype == np.float32 and str(precision).lower().endswith("tf32"):
        left, right = (_interpreter._round_f32_to_tf32(v) for v in (left, right))
    for handle in (a, b):
        if handle.dtype.is_fp8():
            raise NotImplementedError("float8 products are not interpreted")
    product = np.matmul(left.astype(wide), right.astype(wide))
    return _handle(product + d.data, d.dtype.scalar)


def _reduce_slices(self: Any, input: Any) -> list[Any]:  # noqa: A002
    """Reduce by calling the combining function on whole slices, in order along the axis."""
    original = self.axis
    input, axis = self.unravel(input, self.axis)  # noqa: A001
    combine = self.combine_fn.rewrite()
    data = [t.handle.data for t in input]
    acc = tuple(
        self.to_tensor(np.take(d, 0, axis), t.dtype) for d, t in zip(data, input, strict=True)
    )
    for k in range(1, data[0].shape[axis]):
        item = tuple(
            self.to_tensor(np.take(d, k, axis), t.dtype) for d, t in zip(data, input, strict=True)
        )
        got = combine(*acc, *item)
        acc = got if isinstance(got, tuple) else (got,)
    out = []
    for part, t in zip(acc, input, strict=True):
        value = part.handle.data
        if self.keep_dims:
            value = (
                value.reshape([1] * data[0].ndim)
                if original is None
                else np.expand_dims(value, axis)
            )
        elif original is None or data[0].ndim == 1:
            value = value.reshape(-1)[0]
        out.append(self.to_tensor(value, t.dtype.scalar))
    return out


def _scan_slices(self: Any, input: Any) -> list[Any]:  # noqa: A002
    """Scan by calling the combining function on whole slices, in order along the axis."""
    data = [t.handle.data for t in input]
    scalars = [t.dtype.scalar for t in input]
    out = [np.empty_like(d) for d in data]
    combine = self.combine_fn.rewrite()
    acc: Any = None
    for k in range(data[0].shape[self.axis]):
        item = tuple(
            self.to_tensor(np.take(d, k, self.axis), s) for d, s in zip(data, scalars, strict=True)
        )
        got = item if acc is None else combine(*acc, *item)
        acc = got if isinstance(got, tuple) else (got,)
        for target, part in zip(out, acc, strict=True):
            at = [slice(None)] * target.ndim
            at[self.axis] = k
            value = part.handle.data
            target[tuple(at)] = value.reshape(target[tuple(at)].shape)
    return [self.to_tensor(o, s) for o, s in zip(out, scalars, strict=True)]


_sizes: dict[tuple[int, ...], tuple[Any, Any]] = {}
_blocks: dict[tuple[str, tuple[int, ...]], tuple[Any, int, str]] = {}


def _tensor(self: Any, handle: Any, type: Any) -> None:  # noqa: A002
    """Describe a value; its shape's objects, which nothing writes to, are made once a shape."""
    self.handle, self.type, self.dtype = handle, type, type.scalar
    shape = tuple(type.shape) if type.is_block() else ()
    if shape not in _sizes:
        sizes = tl.tuple([tl.constexpr(n) for n in shape])
        _sizes[shape] = tl.constexpr(math.prod(shape)), sizes
    self.numel, self.shape = _sizes[shape]


def _block_type(self: Any, element_ty: Any, shape: Any) -> None:
    """Describe a block; what follows from element and shape is made once for each pair."""
    key = str(element_ty), tuple(tl.core._unwrap_shape(shape))
    if key not in _blocks:
        _stock_block_type(self, element_ty, shape)
        _blocks[key] = self.shape, self.numel, self.name
    self.element_ty = element_ty
    self.shape, self.numel, self.name = _blocks[key]


_patched: set[int] = set()


def _device_call(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a device function, patching the language for it once a launch.

    The stock interpreter does so at every call, which takes longer than most functions' bodies.
    """
    needs = {id(v) for v in self.fn.__globals__.values() if v is tl or v is tl.core}
    if not needs <= _patched:
        _interpreter._patch_lang(self.fn)
        _patched.update(needs)
    return self.rewrite()(*args, **kwargs)


def _transform(self: Any, source: str) -> ast.Module:
    """Rewrite as the stock interpreter does, and have each statement note that it is entered."""
    tree = _stock_transform(self, source)
    for node in list(ast.walk(tree.body[0])):
        for part in ("body", "orelse"):
            block = getattr(node, part, None)
            if isinstance(block, list):
                setattr(node, part, [s for b in block for s in (_note(self.filename, b), b)])
    return ast.fix_missing_locations(tree)


def _note(path: str, statement: ast.stmt) -> ast.stmt:
    where: Any = (path, statement.lineno)
    enter = ast.Call(ast.Name("_enter", ast.Load()), [ast.Constant(where)], [])
    return ast.copy_location(ast.Expr(enter), statement)


def _patch() -> None:
    builder = _interpreter.InterpreterBuilder
    _interpreter._get_np_dtype = _np_dtype
    names = ("create_si_to_fp", "create_ui_to_fp", "create_fp_to_si", "create_fp_to_ui",
             "create_fp_ext", "create_fp_trunc")  # fmt: skip
    for name in names:
        setattr(builder, name, _cast)
    builder.create_int_cast = lambda self, src, dst, signed: _cast(self, src, dst)
    builder.create_fp_to_fp = _cast
    builder.cast_impl = _cast
    builder.create_masked_load, builder.create_masked_store = _load, _store
    builder.create_dot = _dot
    _interpreter.ReduceOps.generic_reduce = _reduce_slices
    _interpreter.ScanOps.generic_scan = _scan_slices
    _interpreter.InterpretedFunction.__call__ = _device_call
    _interpreter.FunctionRewriter._transform_ast = _transform
    _interpreter._enter = _entered.add  # rewritten functions see the names of that module
    tl.core.tensor.__init__, tl.core.block_type.__init__ = _tensor, _block_type


_entered: set[tuple[str, int]] = set()  # (file, line) of statements since it was last emptied
_stock_transform = _interpreter.FunctionRewriter._transform_ast
_stock_block_type = tl.core.block_type.__init__
_stock_np_dtype = _interpreter._get_np_dtype
_stock_fp_to_fp = _interpreter.InterpreterBuilder.create_fp_to_fp
_patch()


class Interpreter:
    """Runs launches on NumPy arrays, one program after the other."""

    def __init__(self, arch: int = 80, tf32: bool = False) -> None:
        if not triton.knobs.runtime.interpret:
            raise RuntimeError("set TRITON_INTERPRET=1 before kernels are imported")
        self.policy = Policy(arch, tf32)
        self.launches: list[str] = []
        self._reached: tuple[np.ndarray, ...] = ()

    def reach(self, arrays: Sequence[np.ndarray]) -> None:
        """Let the next launch touch `arrays` too, which it finds through addresses in memory."""
        self._reached = tuple(arrays)

    def run(
        self, kernel: Any, grid: tuple[int, ...], args: tuple[Any, ...],
        constants: dict[str, Any], warps: int, stages: int, flags: dict[str, Any],
    ) -> None:  # fmt: skip
        """Start `kernel` over `grid` on NumPy arrays."""
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        other = [a for a in args if not isinstance(a, np.ndarray | int | float | None)]
        if other:
            raise TypeError(
                f"{kernel.__name__}: not an array or a number: {type(other[0]).__name__}"
            )
        bounds.set([a for a in (*arrays, *self._reached) if a.size])
        self._reached = ()
        self.launches.append(kernel.__name__)
        _patched.clear()  # a launch undoes its patches when it ends
        wrapped = [_Pointer(a) if isinstance(a, np.ndarray) else a for a in args]
        with np.errstate(all="ignore"):
            kernel[grid](*wrapped, **constants)


class Lines:
    """Which statements of kernels were entered, as (file, line): the branches samples take."""

    def __init__(self) -> None:
        self.hit: set[tuple[str, int]] = set()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note statements within the block."""
        _entered.clear()
        try:
            yield
        finally:
            self.hit |= _entered
