"""Comparing values: which are close, and a message that says how far the others are.

Knows tensors, arrays, numbers, None, sequences and mappings of them.
Source of the rules and tolerances: https://docs.pytorch.org/docs/stable/testing.html
"""

from __future__ import annotations

import cmath
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import franken as torch

_TOLERANCES: dict[str, tuple[float, float]] = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7), "complex32": (1e-3, 1e-5), "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}  # fmt: skip
_Message = str | Callable[[str], str] | None


class _Options:
    __slots__ = ("allow_subclasses", "atol", "check_device", "check_dtype", "check_layout",
                 "check_stride", "equal_nan", "msg", "rtol")  # fmt: skip
    allow_subclasses: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool
    equal_nan: bool
    atol: Any
    rtol: Any
    msg: Any

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class _Different(AssertionError):
    """A mismatch with the path of the item that it is in."""

    def __init__(self, text: str, path: tuple[Any, ...]) -> None:
        super().__init__(text)
        self.text, self.path = text, path


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
    atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
    check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: _Message = None,
) -> None:  # fmt: skip
    """Raise AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    >>> assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            f"{'rtol' if rtol is None else 'atol'}."
        )
    options = _Options(
        allow_subclasses=allow_subclasses, rtol=rtol, atol=atol, equal_nan=equal_nan,
        check_device=check_device, check_dtype=check_dtype, check_layout=check_layout,
        check_stride=check_stride, msg=msg,
    )  # fmt: skip
    try:
        _compare(actual, expected, options, ())
    except _Different as different:
        text = different.text
        if different.path:
            items = "".join(f"[{key!r}]" for key in different.path)
            text += f"\n\nThe failure occurred for item {items}"
        raise AssertionError(_said(text, msg)) from None


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = True, msg: str = "",
) -> None:  # fmt: skip
    """Compare loosely: dtypes and layouts may differ (deprecated: use assert_close)."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a "
        "future release. Please use `torch.testing.assert_close()` instead.",
        FutureWarning, stacklevel=2,
    )  # fmt: skip
    a = actual if isinstance(actual, torch.Tensor) else torch.tensor(actual)
    b = expected if isinstance(expected, torch.Tensor) else torch.tensor(expected, dtype=a.dtype)
    if rtol is None and atol is None:
        loose = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
        pairs = [loose.get(t.dtype.name, (0.0, 0.0)) for t in (a, b)]
        rtol, atol = max(p[0] for p in pairs), max(p[1] for p in pairs)
    assert_close(
        a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False,
        check_stride=False, msg=msg or None,
    )  # fmt: skip


def _said(text: str, msg: _Message) -> str:
    return text if msg is None else msg(text) if callable(msg) else msg


# --- by kind -------------------------------------------------------------------------------------


def _compare(a: Any, b: Any, o: _Options, path: tuple[Any, ...]) -> None:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return _mappings(a, b, o, path)
    if _is_sequence(a) and _is_sequence(b):
        return _sequences(a, b, o, path)
    if b is None or a is None:
        if a is not b:
            shown = [
                f"{v.item()}" if isinstance(v, torch.Tensor) and not v.ndim else f"{v}"
                for v in (a, b)
            ]
            raise _Different(f"None mismatch: {shown[0]} is not {shown[1]}", path)
        return None
    if isinstance(a, (bool, np.bool_)) and isinstance(b, (bool, np.bool_)):
        if bool(a) is not bool(b):
            raise _Different(f"Booleans mismatch: {bool(a)} is not {bool(b)}", path)
        return None
    if _is_number(a) and _is_number(b):
        return _numbers(a, b, o, path)
    if _tensor_like(a, b, o):
        return _tensors(_as_tensor(a), _as_tensor(b), o, path)
    raise TypeError(
        f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}."
    )


def _is_sequence(v: Any) -> bool:
    return isinstance(v, Sequence) and not isinstance(v, (str, bytes))


def _is_number(v: Any) -> bool:
    return isinstance(v, (int, float, complex, np.number)) and not isinstance(v, (bool, np.bool_))


def _tensor_like(a: Any, b: Any, o: _Options) -> bool:
    kinds = (torch.Tensor, np.ndarray)
    if not (isinstance(a, kinds) and isinstance(b, kinds)):
        return False
    related = isinstance(a, type(b)) or isinstance(b, type(a))
    return related if o.allow_subclasses else type(a) is type(b)


def _as_tensor(v: Any) -> Any:
    return v.detach() if isinstance(v, torch.Tensor) else torch.as_tensor(v)


def _mappings(a: Any, b: Any, o: _Options, path: tuple[Any, ...]) -> None:
    missing = [k for k in b if k not in a]
    extra = [k for k in a if k not in b]
    if missing or extra:
        raise _Different(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {_ordered(missing)}\n"
            f"Additional keys in the actual mapping: {_ordered(extra)}",
            path,
        )
    for key in _ordered(b):
        _compare(a[key], b[key], o, (*path, key))


def _ordered(keys: Any) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def _sequences(a: Any, b: Any, o: _Options, path: tuple[Any, ...]) -> None:
    if len(a) != len(b):
        raise _Different(f"The length of the sequences mismatch: {len(a)} != {len(b)}", path)
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        _compare(x, y, o, (*path, i))


def _numbers(a: Any, b: Any, o: _Options, path: tuple[Any, ...]) -> None:
    a, b = (v.item() if isinstance(v, np.generic) else v for v in (a, b))
    if o.check_dtype and type(a) is not type(b):
        raise _Different(f"The (d)types do not match: {type(a)} != {type(b)}.", path)
    exact = isinstance(a, int) and isinstance(b, int)
    rtol, atol = (o.rtol, o.atol) if o.rtol is not None else (0, 0) if exact else (1e-7, 1e-7)
    difference = abs(a - b)
    if a == b or (o.equal_nan and cmath.isnan(a) and cmath.isnan(b)):
        return
    if cmath.isfinite(a) and cmath.isfinite(b) and difference <= atol + rtol * abs(b):
        return
    raise _Different(_scalar_text(a, b, rtol, atol), path)


def _scalar_text(a: Any, b: Any, rtol: float, atol: float) -> str:
    equality = not rtol and not atol
    absolute = abs(a - b)
    relative = float("inf") if b == 0 else absolute / abs(b)
    head = f"Scalars are not {'equal' if equality else 'close'}!\n\nExpected {b} but got {a}.\n"
    if equality:
        return head + f"Absolute difference: {absolute}\nRelative difference: {relative}"
    return head + (
        f"Absolute difference: {absolute} (up to {atol} allowed)\n"
        f"Relative difference: {relative} (up to {rtol} allowed)"
    )


# --- tensors -------------------------------------------------------------------------------------


def _tensors(
    a: Any, b: Any, o: _Options, path: tuple[Any, ...], what: str = "Tensor-likes"
) -> None:  # fmt: skip
    for name, wanted in (("shape", True), ("device", o.check_device), ("layout", o.check_layout),
                         ("dtype", o.check_dtype)):  # fmt: skip
        x, y = getattr(a, name), getattr(b, name)
        if wanted and x != y:
            raise _Different(f"The values for attribute '{name}' do not match: {x} != {y}.", path)
    if o.check_stride and a.stride() != b.stride():
        raise _Different(
            f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}.", path
        )
    if a.foreign or b.foreign:
        if a.layout is b.layout:
            return _sparse(a, b, o, path)
        a, b = a.to_dense(), b.to_dense()
    if a.is_meta or b.is_meta:
        return None  # nothing to be compared
    rtol, atol = _tolerances(a, b, o)
    x, y = _wide(a, b)
    with np.errstate(all="ignore"):
        close = _close(x, y, rtol, atol, o.equal_nan)
    if not close.all():
        raise _Different(_tensor_text(x, y, close, rtol, atol, what), path)


_FAMILIES = {"r": ("CSR", "BSR"), "c": ("CSC", "BSC")}


def _sparse(a: Any, b: Any, o: _Options, path: tuple[Any, ...]) -> None:
    """Tensors of one sparse layout: places must be equal, elements close."""
    kind = "COO" if a.is_sparse else _FAMILIES[a.layout.name[-1]][a.layout.name[-3] == "b"]
    if a._a.nnz != b._a.nnz:
        raise _Different(
            f"The number of specified values in sparse {kind} tensors does not match: "
            f"{a._a.nnz} != {b._a.nnz}",
            path,
        )
    options = {name: getattr(o, name) for name in _Options.__slots__}
    exact = _Options(**{**options, "rtol": 0, "atol": 0, "check_stride": False})
    for (name, x), (_, y) in zip(a._a.places(), b._a.places(), strict=True):
        what = f"Sparse {kind} {name}"
        _tensors(torch.from_numpy(x), torch.from_numpy(y), exact, path, what)
    x, y = (torch.from_numpy(t._a.values) for t in (a, b))
    _tensors(x, y, o, path, f"Sparse {kind} values")


def _tolerances(a: Any, b: Any, o: _Options) -> tuple[float, float]:
    if o.rtol is not None:
        return o.rtol, o.atol
    pairs = [_TOLERANCES.get(t.dtype.name, (0, 0)) for t in (a, b)]
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


def _wide(a: Any, b: Any) -> tuple[Any, Any]:
    """Host arrays of the common dtype, whose differences can be represented."""
    common = torch.promote_types(a.dtype, b.dtype)
    if common is torch.bool:
        common = torch.int64
    elif not (common.is_floating_point or common.is_complex):
        common = common if common.name == "uint64" else torch.int64
    elif common.itemsize < 4 and not common.is_complex:
        common = torch.float32
    return tuple(t.to(common).cpu().numpy() for t in (a, b))  # type: ignore[return-value]


def _close(x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    close = x == y
    if rtol or atol:
        finite = np.isfinite(x) & np.isfinite(y)
        close = close | (finite & (np.abs(x - y) <= atol + rtol * np.abs(y)))
    return close | (np.isnan(x) & np.isnan(y)) if equal_nan else close


def _tensor_text(
    x: Any, y: Any, close: Any, rtol: float, atol: float, what: str = "Tensor-likes"
) -> str:  # fmt: skip
    if not x.ndim:
        return _scalar_text(x.item(), y.item(), rtol, atol)
    equality = not rtol and not atol
    with np.errstate(all="ignore"):
        absolute = np.abs(x - y)
        relative = absolute / np.abs(y)
    if x.dtype.kind in "iu":  # a quotient of integers is a float32, as everywhere in torch
        relative = relative.astype(np.float32)
    # matching elements are out of the running, however large their relative difference is
    absolute, relative = np.where(close, 0, absolute), np.where(close, 0, relative)
    wrong, total = int((~close).sum()), close.size
    lines = [
        f"{what} are not {'equal' if equality else 'close'}!", "",
        f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})",
    ]  # fmt: skip
    for name, values, allowed in (("absolute", absolute, atol), ("relative", relative, rtol)):
        at = np.unravel_index(int(values.argmax()), values.shape)
        line = f"Greatest {name} difference: {values[at].item()} at index {tuple(map(int, at))}"
        lines.append(line if equality else f"{line} (up to {allowed} allowed)")
    return "\n".join(lines)
