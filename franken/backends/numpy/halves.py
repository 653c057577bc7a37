"""Half precisions in kernels: computed in single precision, rounded once at the end.

Knows which types are halves and what each is computed in. Must not know Tensor.
"""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np

COMPLEX_KINDS: Final = "cW"
"""The kinds of NumPy dtypes that are complex: complex64 and 128, and ml_dtypes' complex32."""

F16, BF16 = np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
C32, C64 = np.dtype(ml_dtypes.complex32), np.dtype(np.complex64)
F32 = np.dtype(np.float32)
_WIDE: dict[Any, Any] = {F16: F32, BF16: F32, C32: C64}
# What single-precision results are rounded to, by the half precision of the inputs.
_HALVES: dict[Any, Any] = {F32: F16, C64: C32}
_ROUNDED: dict[Any, Any] = {F16: _HALVES, C32: _HALVES, BF16: {F32: BF16}}
HALF = frozenset(_WIDE)


def halved(kernel: Any) -> Any:
    """The kernel with half precisions computed in single precision, rounded once at the end."""

    def run(*arrays: Any, **params: Any) -> Any:
        low = None
        for a in arrays:
            if type(a) is np.ndarray and a.dtype in HALF:
                low = a.dtype
                break
        if low is None:
            return kernel(*arrays, **params)
        wide = [
            a.astype(_WIDE[a.dtype]) if type(a) is np.ndarray and a.dtype in HALF else a
            for a in arrays
        ]
        return narrowed(kernel(*wide, **params), low)

    run.__wrapped__ = run.wide = kernel  # type: ignore[attr-defined]
    return run


def narrowed(out: Any, low: Any) -> Any:
    """Round single-precision results back to the low precision; others are left alone."""
    if type(out) is tuple:
        return tuple(narrowed(o, low) for o in out)
    to = _ROUNDED[low].get(out.dtype)
    return out if to is None else out.astype(to)
