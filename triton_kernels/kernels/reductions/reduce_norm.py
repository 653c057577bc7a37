"""Norms of vectors, counts of nonzeros, any and all: `reduce_over` with a function of elements.

Knows which function, combination and last step make each; the kernel is in reduce.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton.language as tl

from ...checks.cases import Case, op
from ...launching.arrays import floating
from ...launching.axes import normal_axes
from .reduce import reduce_over, reference_by_numpy


def _truth_cases() -> Iterator[Case]:
    for chance in (0.02, 0.98):
        yield Case(f"bool {chance}", lambda m, c=chance: (m.bools((30, 40), c),), {"axis": 1})
    yield Case("f32", lambda m: (m.bools((30, 40), 0.05).astype(np.float32),), {"axis": 0})
    yield Case("nan", lambda m: (np.full((2, 3), np.nan, np.float16),))
    yield Case("i32", lambda m: (m.integers((30, 4), 9, "i32"),), {"axis": 1, "keepdim": True})
    yield Case("long", lambda m: (m.bools((3, 9000), 0.9998),), {"axis": 1})
    yield Case("no columns", lambda m: (m.normal((4, 0)),), {"axis": 1})


@op(reference=reference_by_numpy("any"), cases=_truth_cases, ulps=0)
def reduce_any(x: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """Whether any element over `axis` is not zero (nan counts as true)."""
    return reduce_over(x, axis, keepdim, np.dtype(np.bool_), mapping="nonzero", combine="max",
                   acc=tl.int32, name="any")  # fmt: skip


@op(reference=reference_by_numpy("all"), cases=_truth_cases, ulps=0)
def reduce_all(x: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """Whether no element over `axis` is zero (nan counts as true)."""
    return reduce_over(x, axis, keepdim, np.dtype(np.bool_), mapping="nonzero", combine="min",
                   acc=tl.int32, identity=1, name="all")  # fmt: skip


def count_reference(x: np.ndarray, axis: Any = None) -> np.ndarray:
    """The definition by NumPy."""
    return np.asarray((x != 0).sum(normal_axes("count_nonzero", x.ndim, axis), dtype=np.int64))


@op(reference=count_reference, cases=lambda: (
    c for c in _truth_cases() if "keepdim" not in c.keywords), ulps=0)  # fmt: skip
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """Number of elements over `axis` that are not zero, int64 (nan counts)."""
    return reduce_over(x, axis, False, np.dtype(np.int64), mapping="nonzero", combine="sum",
                   acc=tl.int64, name="count_nonzero")  # fmt: skip


def norm_reference(
    x: np.ndarray, p: float = 2.0, axis: Any = None, keepdim: bool = False
) -> np.ndarray:
    """The definition, in float64."""
    axes = normal_axes("vector_norm", x.ndim, axis)
    size = np.abs(x)
    if p == 0:
        return (x != 0).sum(axes, keepdims=keepdim).astype(np.float64)
    if math.isinf(p):
        return np.asarray((size.max if p > 0 else size.min)(axes, keepdims=keepdim))
    return np.asarray((size**p).sum(axes, keepdims=keepdim) ** (1 / p))


def _norm_cases() -> Iterator[Case]:
    for p in (2.0, 1.0, 0.0, 3.0, 0.5, -1.5, math.inf, -math.inf):
        how = {"p": p, "axis": 1}
        # 2^(p log2 |x|) carries p |log2 x| roundings
        ulps = None if p in (0, 1, 2, math.inf, -math.inf) else 32
        yield Case(f"p={p}", lambda m: (m.normal((5, 70)),), how, ulps=ulps)
        yield Case(f"long p={p}", lambda m: (m.normal((2, 9000)),), how, ulps=ulps)
    for dtype in ("f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((5, 70), d),), {"axis": 0})
        yield Case(f"{dtype} 2.5", lambda m, d=dtype: (m.normal((5, 70), d),), {"p": 2.5}, ulps=32)
    yield Case("zeros", lambda m: (np.zeros((2, 3), np.float32),), {"p": -2.0, "axis": 1})
    yield Case("empty", lambda m: (m.normal((2, 0)),), {"axis": 1})
    yield Case("empty inf", lambda m: (m.normal((2, 0)),), {"p": math.inf}, refuses=RuntimeError)
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)
    yield Case("big", lambda m: (m.normal((8192, 4096), "bf16"),), big=True)


@op(reference=norm_reference, cases=_norm_cases, ulps=8)
def vector_norm(x: Any, p: float = 2.0, axis: Any = None, keepdim: bool = False) -> Any:
    """(sum |x|^p)^(1/p) over `axis`; p 0 counts nonzeros, inf and -inf take an extreme of |x|."""
    floating("vector_norm", x)
    how: dict[str, Any] = {"mapping": "power", "combine": "sum", "finish": "root", "p": float(p)}
    if p == 0:
        how = {"mapping": "nonzero", "combine": "sum"}
    elif p == 1:
        how = {"mapping": "abs", "combine": "sum"}
    elif p == 2:
        how = {"mapping": "square", "combine": "sum", "finish": "sqrt"}
    elif math.isinf(p):
        if 0 in x.shape:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because the "
                f"operation does not have an identity: shape {tuple(x.shape)}"
            )
        how = {"mapping": "abs", "combine": "max" if p > 0 else "min",
               "identity": 0.0 if p > 0 else math.inf}  # fmt: skip
    return reduce_over(x, axis, keepdim, x.dtype, name="vector_norm", **how)
