"""Writing by index, in a fixed order: scatter, index_add, index_put, gradients of reads.

Indices are sorted stably with their places, and rows of equal index are joined in the order in
which they stand: no atomics, the same bits on every run. An index outside of its axis writes
nothing; `check=True`, or a runner that checks, raises for it, which waits for the GPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, namespace, next_power_of_2, strides
from ...launching.axes import normal_axes, place, walk
from ...launching.launch import hardened, launch
from .indexing import boxed, check_index, integer_index, same_ranks
from .segment import segments_into
from .sort import sort_indices

COMBINES = ("last", "sum", "prod", "max", "min")


@kernel(source="Row-major place of an index tuple")
@triton.jit
def linear_index_kernel(
    before_ptr, index_ptr, out_ptr, count, size, n0, n1, n2, s0, s1, s2, s3,
    RANK: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = before * size + index (count,), negative indices counted from the end; -1 if outside.

    before: the same of the axes before, -1 where one of them was outside, or None.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = at < count
    spot = place(at, n0, n1, n2, s0, s1, s2, s3, RANK)
    index = tl.load(index_ptr + spot, mask=ok, other=0).to(tl.int64)
    index = tl.where(index < 0, index + size, index)
    inside = (index >= 0) & (index < size)
    if before_ptr is not None:
        before = tl.load(before_ptr + at, mask=ok, other=0)
        inside = inside & (before >= 0)
        index += before * size
    tl.store(out_ptr + at, tl.where(inside, index, -1), mask=ok)


def _copied(x: Any) -> Any:
    out = empty(x, x.shape)
    out[...] = x
    return out


def scatter_reference(
    x: np.ndarray, axis: int, index: np.ndarray, source: np.ndarray, combine: str = "last",
    check: bool = False,
) -> np.ndarray:  # fmt: skip
    """The definition, an element at a time, in float64."""
    out = x.copy()
    join = {
        "last": lambda _, b: b, "sum": lambda a, b: a + b, "prod": lambda a, b: a * b,
        "max": np.maximum, "min": np.minimum,
    }[combine]  # fmt: skip
    for at in np.ndindex(index.shape):
        to = list(at)
        to[axis] = int(index[at])
        if 0 <= to[axis] < x.shape[axis]:
            out[tuple(to)] = join(out[tuple(to)], source[at])
    return out


def _few(m: Maker, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return m.integers(shape, 50, dtype, -20) if dtype[0] == "i" else m.normal(shape, dtype)


def _scatter_cases() -> Iterator[Case]:
    for combine in COMBINES:
        for dtype in ("f32", "i64") if combine in ("sum", "max") else ("f32",):
            yield Case(
                f"{combine} {dtype}",
                lambda m, d=dtype: (
                    _few(m, (5, 9), d), 1, m.integers((4, 7), 6), _few(m, (6, 8), d),
                ),
                {"combine": combine},
            )  # fmt: skip
    for dtype in ("f16", "bf16", "f64"):
        yield Case(
            dtype,
            lambda m, d=dtype: (
                m.normal((5, 9), d),
                1,
                m.integers((5, 14), 9),
                m.normal((5, 14), d),
            ),
            {"combine": "sum"},
        )
    yield from _scatter_edges()


def _scatter_edges() -> Iterator[Case]:
    yield Case(
        "axis 0", lambda m: (m.normal((4, 9)), 0, m.integers((14, 9), 4, "i32"), m.normal((14, 9))),
        {"combine": "sum"},
    )  # fmt: skip
    yield Case(
        "one bin", lambda m: (m.normal((3,)), 0, m.integers((130,), 2), m.normal((130,))),
        {"combine": "sum"},
    )  # fmt: skip
    yield Case(
        "few of many", lambda m: (m.normal((300,)), 0, m.integers((15,), 9), m.normal((15,))),
        {"combine": "sum"},
    )  # fmt: skip
    yield Case(
        "outside",
        lambda m: (m.normal((5, 9)), 1, m.integers((5, 14), 19, low=-5), m.normal((5, 14))),
        {"combine": "sum"},
    )
    yield Case(
        "strided",
        lambda m: (
            m.strided(m.normal((2, 3, 4, 2))), 2, m.strided(m.integers((2, 3, 5, 2), 4)),
            m.strided(m.normal((2, 3, 5, 2))),
        ),
    )  # fmt: skip
    yield Case(
        "one value",
        lambda m: (
            m.normal((5, 9)), 1, m.integers((5, 4), 9), np.broadcast_to(m.normal((1, 1)), (5, 4))
        ),
    )  # fmt: skip
    yield Case("none", lambda m: (m.normal((5, 9)), 1, m.integers((5, 0), 9), m.normal((5, 0))))
    yield Case(
        "caught", lambda m: (m.normal((5,)), 0, np.full((3,), 5), m.normal((3,))), {"check": True},
        refuses=IndexError,
    )  # fmt: skip
    yield Case(
        "checked", lambda m: (m.normal((5,)), 0, m.integers((3,), 5), m.normal((3,))),
        {"check": True},
    )  # fmt: skip
    yield Case(
        "combine", lambda m: (m.normal((5,)), 0, m.integers((3,), 5), m.normal((3,))),
        {"combine": "mean"}, refuses=ValueError,
    )  # fmt: skip
    yield Case(
        "small source", lambda m: (m.normal((5,)), 0, m.integers((3,), 5), m.normal((2,))),
        refuses=RuntimeError,
    )  # fmt: skip


@op(reference=scatter_reference, cases=_scatter_cases, ulps=8)
def scatter(
    x: Any, axis: int, index: Any, source: Any, combine: str = "last", check: bool = False
) -> Any:
    """x with source[..., i, ...] at (or joined to) [..., index[..., i, ...], ...] along `axis`.

    combine: last (of equal indices the last one's element stands), sum, prod, max or min, joined
    to x in the order of i; sums in float32. index: int32 or int64, no larger than source, and than
    x beside `axis`. An index outside writes nothing; with check, IndexError.

    >>> scatter.__name__
    'scatter'
    """
    (axis,) = normal_axes("scatter", x.ndim, axis)
    integer_index("scatter", index)
    same_ranks("scatter", x, index, axis)
    same_ranks("scatter", source, index, -1, "src")
    if combine not in COMBINES:
        raise ValueError(f"scatter: combine is one of {', '.join(COMBINES)}, got {combine!r}")
    if check or hardened():
        check_index(index, 0, x.shape[axis], axis)
    out = _copied(x)
    keys, perm = sort_indices(namespace(x).moveaxis(index, axis, -1), x.shape[axis])
    part = boxed(source, index, axis, along=True)
    segments_into(part, keys, perm, boxed(out, index, axis), axis, combine, into=True)
    return out


def add_reference(
    x: np.ndarray, axis: int, index: np.ndarray, source: np.ndarray, check: bool = False
) -> np.ndarray:
    """The definition by NumPy."""
    out = np.moveaxis(x.copy(), axis, 0)
    np.add.at(out, index, np.moveaxis(source, axis, 0))
    return np.moveaxis(out, 0, axis)


def _add_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "f64"):
        yield Case(
            dtype, lambda m, d=dtype: (m.normal((7, 9), d), 0, m.integers((30,), 7),
                                       m.normal((30, 9), d)),
        )  # fmt: skip
    yield Case(
        "axis 1", lambda m: (m.normal((7, 9)), 1, m.integers((30,), 9, "i32"), m.normal((7, 30)))
    )
    yield Case(
        "few of many", lambda m: (m.normal((700, 3)), 0, m.integers((5,), 7), m.normal((5, 3)))
    )
    yield Case(
        "i64", lambda m: (m.integers((7,), 9), 0, m.integers((30,), 7), m.integers((30,), 9))
    )
    yield Case("caught", lambda m: (m.normal((5,)), 0, np.full((3,), -1), m.normal((3,))),
               {"check": True}, refuses=IndexError)  # fmt: skip
    yield Case("checked", lambda m: (m.normal((5,)), 0, m.integers((3,), 5), m.normal((3,))),
               {"check": True})  # fmt: skip
    yield Case("shapes", lambda m: (m.normal((5,)), 0, m.integers((3,), 5), m.normal((2,))),
               refuses=RuntimeError)  # fmt: skip


@op(reference=add_reference, cases=_add_cases, ulps=8)
def index_add(x: Any, axis: int, index: Any, source: Any, check: bool = False) -> Any:
    """x with slice i of source along `axis` added to slice index[i], in order of i.

    source: the shape of x but as long as index along `axis`. An index outside adds nothing; with
    check, IndexError.
    """
    (axis,) = normal_axes("index_add", x.ndim, axis)
    integer_index("index_add", index)
    wanted = tuple(index.shape[0] if a == axis else n for a, n in enumerate(x.shape))
    if index.ndim != 1 or source.shape != wanted:
        raise RuntimeError(
            f"index_add(): expected a source of shape {wanted}, got {source.shape}, for an index "
            f"of shape {index.shape}"
        )
    if check or hardened():
        check_index(index, 0, x.shape[axis], axis)
    out = _copied(x)
    keys, perm = sort_indices(index, x.shape[axis])
    segments_into(source, keys, perm, out, axis, "sum", into=True)
    return out


def embedding_backward_reference(g: np.ndarray, index: np.ndarray, rows: int) -> np.ndarray:
    """The definition by NumPy."""
    out = np.zeros((rows, g.shape[-1]))
    inside = (index >= 0) & (index < rows)
    np.add.at(out, index[inside], g[inside])
    return out


def _embedding_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((3, 14, 33), d), m.integers((3, 14), 9), 12))
    yield Case("skew", lambda m: (m.normal((300, 5)), np.minimum(m.integers((300,), 9), 2), 7))
    yield Case("outside", lambda m: (m.normal((14, 5)), m.integers((14,), 19, low=-5), 7))
    yield Case("none", lambda m: (m.normal((0, 5)), m.integers((0,), 9), 7))
    yield Case("integers", lambda m: (m.integers((3, 5), 9), m.integers((3,), 9), 7),
               refuses=TypeError)  # fmt: skip
    yield Case("big", lambda m: (m.normal((16384, 768), "bf16"), m.integers((16384,), 9), 50304),
               big=True)  # fmt: skip


@op(reference=embedding_backward_reference, cases=_embedding_cases, ulps=8)
def embedding_backward(g: Any, index: Any, rows: int) -> Any:
    """Gradient (rows, d) of an embedding's weight from that of its output g (*index.shape, d).

    Rows that an index outside of [0, rows) read, such as a padding index set to -1, add nothing.
    """
    floating("embedding_backward", g)
    integer_index("embedding_backward", index)
    flat = index.reshape(-1)
    out = empty(g, (rows, g.shape[-1]))
    keys, perm = sort_indices(flat, rows)
    segments_into(g.reshape(flat.shape[0], -1) if g.size else g.reshape(0, g.shape[-1]), keys, perm,
                  out, 0, "sum", into=False)  # fmt: skip
    return out


def put_reference(
    x: np.ndarray, indices: tuple[np.ndarray, ...], values: np.ndarray, accumulate: bool = False,
    check: bool = False,
) -> np.ndarray:  # fmt: skip
    """The definition, an index at a time."""
    out = x.copy()
    indices = np.broadcast_arrays(*indices)
    values = np.broadcast_to(values, indices[0].shape + x.shape[len(indices) :])
    for at in np.ndindex(indices[0].shape):
        to = tuple(int(i[at]) for i in indices)
        if all(-n <= t < n for t, n in zip(to, x.shape, strict=False)):
            out[to] = out[to] + values[at] if accumulate else values[at]
    return out


def _put_cases() -> Iterator[Case]:
    for accumulate in (False, True):
        for dtype in ("f32", "bf16", "i64"):
            yield Case(
                f"{dtype} {accumulate}",
                lambda m, d=dtype: (
                    m.integers((5, 6, 3), 40, d),
                    (m.integers((14,), 5, low=-5), m.integers((14,), 6, low=-6)),
                    m.integers((14, 3), 40, d),
                ),
                {"accumulate": accumulate},
            )
        yield Case(
            f"spread {accumulate}",
            lambda m: (
                m.normal((5, 6, 3)), (m.integers((7, 1), 5), m.integers((2,), 6, "i32")),
                m.normal((3,)),
            ),
            {"accumulate": accumulate},
        )  # fmt: skip
    yield Case(
        "outside",
        lambda m: (m.normal((5, 6)), (m.integers((14,), 9), m.integers((14,), 9)), m.normal((14,))),
        {"accumulate": True},
    )
    for rank in (3, 4):
        yield Case(
            f"rank {rank}",
            lambda m, r=rank: (
                m.normal((5, 2)), (m.strided(m.integers((2, 3, 2, 2)[:r], 5)),), m.normal((2,))
            ),
            {"accumulate": True},
        )  # fmt: skip
    yield Case(
        "rank 2", lambda m: (m.normal((5, 2)), (m.strided(m.integers((2, 3), 5)),), m.normal((2,)))
    )
    for at in (-6, 5):
        yield Case(f"caught {at}", lambda m, at=at: (m.normal((5,)), (np.full((3,), at),),
                   m.normal((3,))), {"check": True}, refuses=IndexError)  # fmt: skip
    yield Case("checked", lambda m: (m.normal((5,)), (m.integers((3,), 5, low=-5),),
               m.normal((3,))), {"check": True})  # fmt: skip
    yield Case("no indices", lambda m: (m.normal((5,)), (), m.normal((3,))), refuses=IndexError)
    yield Case("none", lambda m: (m.normal((5,)), (m.integers((0,), 5),), m.normal((0,))))


def _linear(x: Any, indices: tuple[Any, ...]) -> Any:
    """Flat row of each index tuple (int64, 1-D), -1 where it is outside of x."""
    shape = indices[0].shape
    count, rows = math.prod(shape), None
    block = min(1024, next_power_of_2(count))
    for index, size in zip(indices, x.shape, strict=False):
        steps = walk(shape, strides(index))
        if steps is None:
            index = namespace(x).ascontiguousarray(index)
            steps = walk(shape, strides(index))
        out = empty(x, (count,), np.dtype(np.int64))
        launch(
            linear_index_kernel, (cdiv(count, block),), rows, index, out, count, size,
            *steps.sizes, *steps.strides[0], RANK=steps.rank, BLOCK=block,
        )  # fmt: skip
        rows = out
    return rows


@op(reference=put_reference, cases=_put_cases, ulps=8)
def index_put(
    x: Any, indices: tuple[Any, ...], values: Any, accumulate: bool = False, check: bool = False
) -> Any:
    """x with values at (accumulate: added to) rows of its leading axes, one index array an axis.

    indices: int32 or int64, of shapes that broadcast; negative ones count from the end. values:
    broadcasts to that shape and the axes of x that are left. Of equal indices the last value
    stands, or all are added in order. An index outside writes nothing; with check, IndexError.
    """
    xp, lead = namespace(x), len(indices)
    if not 0 < lead <= x.ndim:
        raise IndexError(f"index_put: {lead} indices for an array of {x.ndim} axes")
    for axis, index in enumerate(indices):
        integer_index("index_put", index)
        if check or hardened():
            check_index(index, -x.shape[axis], x.shape[axis], axis)
    shape, rest = np.broadcast_shapes(*(i.shape for i in indices)), x.shape[lead:]
    indices = tuple(xp.broadcast_to(i, shape) for i in indices)
    values = xp.broadcast_to(values, (*shape, *rest))
    out = _copied(x)
    if values.size == 0:
        return out
    rows = _linear(x, indices)
    table = out.reshape(math.prod(x.shape[:lead]), *rest)
    keys, perm = sort_indices(rows, table.shape[0])
    segments_into(values.reshape(rows.shape[0], *rest), keys, perm, table, 0,
                  "sum" if accumulate else "last", into=True)  # fmt: skip
    return out
