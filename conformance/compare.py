"""Equality of results: structure, dtype, shape, value and bits.

Works on NumPy copies of both sides' results. Knows no op; a disagreement is a `Differs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.oracle import Side
from conformance.values import dtype_name, to_numpy

# (relative, absolute): a few units in the last place, summed over the small samples.
TOLERANCE = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
}  # fmt: skip
DERIVATIVE = {"float64": (1e-6, 1e-7), "complex128": (1e-6, 1e-7)}
NUMERIC = {"float64": (2e-4, 2e-5), "complex128": (2e-4, 2e-5)}


class Differs(Exception):
    """Two results are not the same; says where and how."""


def flatten(value: Any, side: Side, path: str = "") -> list[tuple[str, Any]]:
    """The leaves of a nested result, each with its path."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in flatten(v, side, f"{path}.{k}")]
    if isinstance(value, (tuple, list)):
        return [leaf for i, v in enumerate(value) for leaf in flatten(v, side, f"{path}[{i}]")]
    return [(path, value)]


def same(
    got: Any, want: Any, ours: Side, theirs: Side, tolerance: Any = None,
    precise: Callable[[], Any] | None = None, contents: bool = True,
) -> None:  # fmt: skip
    """Raise Differs unless `got` (ours) equals `want` (theirs); without `contents`, their form.

    `precise` gives the oracle's result in double precision: a value outside the tolerance is
    still right if it is not further from that than three times the oracle itself.
    """
    a, b = flatten(got, ours), flatten(want, theirs)
    if len(a) != len(b):
        raise Differs(f"{len(a)} outputs, expected {len(b)}")
    for i, ((where, g), (_, w)) in enumerate(zip(a, b, strict=True)):
        if theirs.is_tensor(w):
            if not ours.is_tensor(g):
                raise Differs(f"out{where}: {type(g).__name__}, expected a tensor")
            _same_form(where, g, w)
            if contents:
                _same_tensor(where, g, w, tolerance, precise, i, theirs)
        else:
            _same_plain(where, g, w)


def _same_plain(where: str, got: Any, want: Any) -> None:
    if type(want).__name__ == "dtype":
        got, want = dtype_name(got), dtype_name(want)
    if isinstance(want, float) and isinstance(got, float):
        if not np.isclose(got, want, rtol=1.3e-6, atol=1e-5, equal_nan=True):
            raise Differs(f"out{where}: {got!r}, expected {want!r}")
    elif isinstance(want, (bool, int, str, complex, type(None))):
        if type(got) is not type(want) or got != want:
            raise Differs(f"out{where}: {got!r}, expected {want!r}")
    elif type(got).__name__ != type(want).__name__:
        raise Differs(f"out{where}: {type(got).__name__}, expected {type(want).__name__}")


def _same_form(where: str, got: Any, want: Any) -> None:
    d, expected = dtype_name(got.dtype), dtype_name(want.dtype)
    if d != expected:
        raise Differs(f"out{where}: dtype {d}, expected {expected}")
    if tuple(got.shape) != tuple(want.shape):
        raise Differs(f"out{where}: shape {tuple(got.shape)}, expected {tuple(want.shape)}")


def _same_tensor(
    where: str, got: Any, want: Any, tolerance: Any, precise: Any, index: int, theirs: Side
) -> None:
    d = dtype_name(want.dtype)
    a, b = to_numpy(got), to_numpy(want)
    rtol, atol = (tolerance or TOLERANCE).get(d) or TOLERANCE.get(d, (0.0, 0.0))
    if close(a, b, rtol, atol):
        return
    if precise is not None and d in TOLERANCE:
        reference = flatten(precise(), theirs)[index][1]
        if _no_worse(a, b, to_numpy(reference)):
            return
    raise Differs(f"out{where}: {_difference(a, b)}")


def close(a: Any, b: Any, rtol: float, atol: float) -> bool:
    """Whether all elements agree; NaN equals NaN."""
    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=a.dtype.kind in "fc"))


def _no_worse(a: Any, b: Any, reference: Any) -> bool:
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    a, b, reference = a.astype(wide), b.astype(wide), reference.astype(wide)
    finite = np.isfinite(b) & np.isfinite(reference)
    if not finite.any() or not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    theirs = np.abs(b - reference)[finite].max()
    return bool(np.abs(a - reference)[finite].max() <= 3 * theirs)


def _difference(a: Any, b: Any) -> str:
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        gap = np.abs(a.astype(wide) - b.astype(wide))
    odd = np.flatnonzero(~(gap.ravel() == 0) & ~(np.isnan(a) & np.isnan(b)).ravel())
    gap = np.where(np.isnan(gap), np.inf, gap)
    at = int(odd[np.argmax(gap.ravel()[odd])]) if odd.size else 0
    place = tuple(int(i) for i in np.unravel_index(at, a.shape))
    return f"{odd.size} of {a.size} differ, most at {place}: {a[place]!s}, expected {b[place]!s}"


def bits(value: Any, side: Side) -> list[Any]:
    """A result's exact contents: equal lists mean equal bits."""
    found = []
    for where, leaf in flatten(value, side):
        if side.is_tensor(leaf):
            a = to_numpy(leaf)
            found.append((where, dtype_name(leaf.dtype), a.shape, a.tobytes()))
        else:
            found.append((where, repr(leaf)))
    return found
