"""Frozen arguments: one tree of NumPy arrays from which both sides are fed.

Neither side sees the other's memory. Knows no op and no check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.oracle import Side, rebind

LARGEST = 100_000  # elements; a sample with a bigger tensor is passed over
_SMALL_FLOATS = ("bfloat16",)


class Unusual(Exception):
    """A value that cannot be carried from one library to the other."""


@dataclass(frozen=True)
class Frozen:
    """A tensor: contents, dtype, whether it wants a gradient, identity among the arguments."""

    array: Any
    dtype: str
    grad: bool
    key: int
    strided: tuple[Any, Any, int] | None = None


@dataclass(frozen=True)
class Named:
    """A dtype, device, layout or memory format, by name."""

    kind: str
    name: str


def dtype_name(dtype: Any) -> str:
    """The bare name of either library's dtype."""
    return str(dtype).rpartition(".")[2]


def to_numpy(t: Any) -> Any:
    """A private NumPy copy of a tensor of either library (bfloat16 widened to float32)."""
    t = t.detach()
    if "sparse" in str(t.layout):
        t = t.to_dense()
    t = t.resolve_conj().resolve_neg()
    if dtype_name(t.dtype) in _SMALL_FLOATS:
        t = t.float()
    if dtype_name(t.dtype) == "complex32":
        t = t.cfloat()
    if hasattr(type(t), "_is_zerotensor") and t._is_zerotensor():
        t = t.clone()  # torch's symbolic zero has no memory
    return np.array(t.numpy())


def freeze(value: Any, side: Side, memo: dict[int, Any], strides: bool = False) -> Any:
    """Turn an argument of one library into a value that belongs to neither."""
    if side.is_tensor(value):
        return _freeze_tensor(value, memo, strides)
    if isinstance(value, dict):
        return {k: freeze(v, side, memo, strides) for k, v in value.items()}
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return slice(*[freeze(v, side, memo, strides) for v in parts])
    if isinstance(value, (tuple, list)):
        kind = list if isinstance(value, list) else tuple
        return kind(freeze(v, side, memo, strides) for v in value)
    kind_name = type(value).__name__
    if kind_name in ("dtype", "memory_format", "layout", "device"):
        return Named(kind_name, str(value).removeprefix("torch.").removeprefix("franken."))
    plain = (int, float, complex, str, np.ndarray, np.generic, type(None), type(Ellipsis))
    if isinstance(value, plain) or kind_name == "function":
        return value
    raise Unusual(kind_name)


def _freeze_tensor(t: Any, memo: dict[int, Any], strides: bool) -> Frozen:
    if id(t) in memo:
        return memo[id(t)][0]
    name = dtype_name(t.dtype)
    carried = t.numel() <= LARGEST and t.ndim <= 64 and not re.search("q|float8|bits", name)
    if not carried or "strided" not in str(t.layout) or t.device.type == "meta":
        raise Unusual(f"{t.device.type} {t.layout} {name} of {t.numel()} elements")
    strided = None
    if strides and not t.is_contiguous():
        strided = (tuple(t.shape), tuple(t.stride()), t.storage_offset())
        flat = t.untyped_storage().nbytes() // t.element_size()
        source = t.detach().as_strided((flat,), (1,), 0)
    else:
        source = t
    made = Frozen(to_numpy(source), name, bool(t.requires_grad), len(memo), strided)
    memo[id(t)] = (made, t)  # holds t, so that its id stays its own
    return made


def build(value: Any, side: Side, memo: dict[int, Any], grad: bool, widen: Any = None) -> Any:
    """Make the argument for one library; `memo` maps a frozen tensor's key to the tensor made."""
    if isinstance(value, Frozen):
        if value.key not in memo:
            memo[value.key] = _build_tensor(value, side, grad, widen)
        return memo[value.key]
    if isinstance(value, Named):
        if value.kind == "device":
            return side.module.device(value.name)
        name = (widen or {}).get(value.name, value.name) if value.kind == "dtype" else value.name
        return getattr(side.module, name)
    if isinstance(value, dict):
        return {k: build(v, side, memo, grad, widen) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(build(v, side, memo, grad, widen) for v in value)
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return slice(*[build(v, side, memo, grad, widen) for v in parts])
    return rebind(value, side.module)


def _build_tensor(f: Frozen, side: Side, grad: bool, widen: Any) -> Any:
    name = (widen or {}).get(f.dtype, f.dtype)
    t = side.module.tensor(f.array.copy())
    if dtype_name(t.dtype) != name:
        t = t.to(getattr(side.module, name))
    if f.strided:
        t = t.as_strided(*f.strided)
    return t.requires_grad_(True) if grad and f.grad else t


def tensors(value: Any) -> Iterator[Frozen]:
    """Every frozen tensor of a tree, each once."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        v = stack.pop()
        if isinstance(v, Frozen):
            if v.key not in seen:
                seen.add(v.key)
                yield v
        elif isinstance(v, dict):
            stack += reversed(list(v.values()))
        elif isinstance(v, (tuple, list)):
            stack += reversed(v)
        elif isinstance(v, slice):
            stack += [v.step, v.stop, v.start]


def describe(value: Any) -> str:
    """A short text of an argument tree: shapes instead of contents."""
    if isinstance(value, Frozen):
        return f"{value.dtype}{list(value.array.shape if not value.strided else value.strided[0])}"
    if isinstance(value, Named):
        return value.name
    if isinstance(value, dict):
        return ", ".join(f"{k}={describe(v)}" for k, v in value.items())
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(describe, value)) + ")"
    return repr(value)[:40]
