"""What attention and its gradients must give, in float64 from the definition, and the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checks.cases import Case, Maker
from .random import words


def _weights(
    q: np.ndarray, k: np.ndarray, mask: Any, causal: bool, scale: float | None, bottom: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(softmax of the scores, their logsumexp) of (..., L, D) and (..., S, D)."""
    rows, keys = q.shape[-2], k.shape[-2]
    s = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == np.bool_ else s + mask
    if causal:
        line = np.arange(rows)[:, None] + (keys - rows if bottom else 0)
        s = np.where(np.arange(keys) <= line, s, -np.inf)
    top = s.max(-1, keepdims=True, initial=-np.inf)
    e = np.exp(s - np.where(np.isinf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = (np.where(np.isinf(top), 0, top) + np.log(total))[..., 0]
    return e / np.where(total == 0, 1, total), lse


def _factors(shape: tuple[int, ...], dropout: float, seed: int, offset: int) -> np.ndarray:
    """What dropout multiplies elements with: 0 or 1 / (1 - dropout)."""
    if dropout == 0:
        return np.ones(shape)
    kept = words(seed, offset, math.prod(shape)).reshape(shape) >= round(dropout * 2**32)
    return kept / (1 - dropout) if dropout < 1 else np.zeros(shape)


def _wide(x: np.ndarray, heads: int, axis: int = 1) -> np.ndarray:
    return np.repeat(x, heads // x.shape[axis], axis)


def attention_reference(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: Any = None, causal: bool = False,
    scale: float | None = None, bottom: bool = False, dropout: float = 0.0, seed: int = 0,
    offset: int = 0, tf32: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Softmax of all scores at once, times values."""
    heads = q.shape[1]
    p, lse = _weights(q, _wide(k, heads), mask, causal, scale, bottom)
    return (p * _factors(p.shape, dropout, seed, offset)) @ _wide(v, heads), lse


def attention_backward_reference(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, out: np.ndarray, lse: np.ndarray,
    mask: Any = None, causal: bool = False, scale: float | None = None, bottom: bool = False,
    dropout: float = 0.0, seed: int = 0, offset: int = 0, tf32: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Derivatives of products and softmax, one after the other; out and lse are not looked at."""
    shape = (*q.shape[:-1], k.shape[-2])
    return _gradients(
        g, q, k, v, mask, causal, scale, bottom, _factors(shape, dropout, seed, offset)
    )  # fmt: skip


def _gradients(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: Any, causal: bool,
    scale: float | None, bottom: bool, keep: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(dq, dk, dv), weights multiplied with `keep`."""
    heads, group = q.shape[1], q.shape[1] // k.shape[1]
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    k_wide, v_wide = _wide(k, heads), _wide(v, heads)
    p, _ = _weights(q, k_wide, mask, causal, scale, bottom)
    dv = (p * keep).swapaxes(-1, -2) @ g
    dp = (g @ v_wide.swapaxes(-1, -2)) * keep
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) * factor
    dk = ds.swapaxes(-1, -2) @ q

    def add_groups(x: np.ndarray) -> np.ndarray:
        return x.reshape(x.shape[0], heads // group, group, *x.shape[2:]).sum(2)

    return ds @ k_wide, add_groups(dk), add_groups(dv)


def _sequences(cu_q: np.ndarray, cu_k: np.ndarray) -> Iterator[tuple[slice, slice]]:
    for i in range(len(cu_q) - 1):
        yield slice(int(cu_q[i]), int(cu_q[i + 1])), slice(int(cu_k[i]), int(cu_k[i + 1]))


def _one(x: np.ndarray) -> np.ndarray:
    """(rows, H, D) as (1, H, rows, D)."""
    return x.swapaxes(0, 1)[None]


def variable_reference(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, cu_q: np.ndarray, cu_k: np.ndarray, queries: int,
    keys: int, causal: bool = False, scale: float | None = None, bottom: bool = False,
    dropout: float = 0.0, seed: int = 0, offset: int = 0, tf32: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """attention_reference of each sequence by itself."""
    heads = q.shape[1]
    out, lse = np.zeros((*q.shape[:2], v.shape[2])), np.zeros((heads, q.shape[0]))
    factors = _factors((heads, q.shape[0], keys), dropout, seed, offset)
    for rows, columns in _sequences(cu_q, cu_k):
        part = [_one(q[rows]), _one(k[columns]), _one(v[columns])]
        k_wide, v_wide = (_wide(x, heads) for x in part[1:])
        p, part_lse = _weights(part[0], k_wide, None, causal, scale, bottom)
        p = p * factors[None, :, rows, : p.shape[-1]]
        out[rows] = (p @ v_wide)[0].swapaxes(0, 1)
        lse[:, rows] = part_lse[0]
    return out, lse


def variable_backward_reference(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, out: np.ndarray, lse: np.ndarray,
    cu_q: np.ndarray, cu_k: np.ndarray, queries: int, keys: int, causal: bool = False,
    scale: float | None = None, bottom: bool = False, dropout: float = 0.0, seed: int = 0,
    offset: int = 0, tf32: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """attention_backward_reference of each sequence by itself."""
    factors = _factors((q.shape[1], q.shape[0], keys), dropout, seed, offset)
    found = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)
    for rows, columns in _sequences(cu_q, cu_k):
        keep = factors[None, :, rows, : columns.stop - columns.start]
        grads = _gradients(
            _one(g[rows]), _one(q[rows]), _one(k[columns]), _one(v[columns]), None, causal, scale,
            bottom, keep,
        )  # fmt: skip
        for whole, at, part in zip(found, (rows, columns, columns), grads, strict=True):
            whole[at] = part[0].swapaxes(0, 1)
    return found


def _qkv(
    batch: int, heads: tuple[int, int], rows: int, keys: int, size: int, value: int | None = None,
    dtype: str = "f32",
) -> Any:  # fmt: skip
    def build(m: Maker) -> tuple[Any, ...]:
        return (
            m.normal((batch, heads[0], rows, size), dtype),
            m.normal((batch, heads[1], keys, size), dtype),
            m.normal((batch, heads[1], keys, value or size), dtype),
        )

    return build


def _masked(build: Any, shape: tuple[int, ...], dtype: str) -> Any:
    def masked(m: Maker) -> tuple[Any, ...]:
        given = build(m)
        mask = m.bools(shape, 0.6) if dtype == "bool" else m.normal(shape, dtype)
        if dtype == "bool" and shape[-2] > 1 and not m.shapes_only:
            mask[..., 0, :] = False  # a row that sees no key
        return (*given, mask)

    return masked


def _samples() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(name, builder of q, k, v and mask, keywords) that forward and backward share.

    Sizes are such that many samples share one compiled variant of a kernel.
    """
    for dtype in ("f32", "f16", "bf16"):
        yield dtype, _qkv(1, (2, 2), 37, 45, 16, dtype=dtype), {}
    yield "causal f16", _qkv(1, (2, 2), 70, 70, 16, dtype="f16"), {"causal": True}
    yield "causal, more rows", _qkv(2, (2, 2), 70, 30, 16), {"causal": True}
    yield "causal, more keys", _qkv(1, (2, 2), 20, 70, 16), {"causal": True}
    yield "bottom, more rows", _qkv(1, (2, 2), 70, 30, 16), {"causal": True, "bottom": True}
    yield "bottom, more keys", _qkv(1, (2, 2), 39, 72, 16), {"causal": True, "bottom": True}
    yield "groups, value size", _qkv(2, (4, 2), 17, 40, 20, 33), {"scale": -0.3}
    yield "tf32", _qkv(1, (2, 2), 20, 30, 16), {"tf32": True}
    yield "head of 136", _qkv(1, (2, 2), 20, 30, 136, dtype="bf16"), {}
    half = _qkv(2, (2, 2), 37, 48, 16, dtype="f16")
    yield "bool mask", _masked(half, (2, 1, 37, 48), "bool"), {}
    yield "row of a bool mask", _masked(half, (2, 1, 1, 48), "bool"), {}
    yield "added mask", _masked(half, (37, 48), "f16"), {"causal": True}
    yield "added f32 mask", _masked(half, (1, 2, 37, 1), "f32"), {}
    drop = {"seed": 2**63 + 5, "offset": 11}
    yield "dropout", _qkv(2, (2, 2), 20, 37, 16), {"dropout": 0.75, **drop}
    yield "all dropped", _qkv(1, (2, 2), 20, 37, 16), {"dropout": 1.0, **drop}
    yield "one key", _qkv(1, (1, 1), 1, 1, 1), {}
    yield "no keys", _qkv(1, (2, 2), 3, 0, 16), {}
    yield "no queries", _qkv(1, (2, 2), 0, 3, 16), {}
    yield "no batch", _qkv(0, (2, 2), 2, 3, 16), {}

    def crossed(m: Maker) -> tuple[Any, ...]:
        return tuple([m.normal((2, 37, 2, 16), "f16").swapaxes(1, 2) for _ in range(3)])

    def strided(m: Maker) -> tuple[Any, ...]:
        return tuple([m.strided(x) for x in _qkv(1, (2, 2), 9, 10, 16)(m)])

    yield "heads inside", crossed, {}
    yield "strided", strided, {}


def _big() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for size in (64, 128, 256):
        built = _qkv(4, (16, 16), 4096, 4096, size, dtype="bf16")
        yield f"big {size}", built, {"causal": size != 128}
    yield "big groups", _qkv(4, (32, 8), 4096, 4096, 128, dtype="bf16"), {"causal": True}
    yield "big odd", _qkv(4, (16, 16), 1000, 1000, 80, dtype="f16"), {}
    yield "big dropout", _qkv(4, (16, 16), 4096, 4096, 64, dtype="bf16"), {"dropout": 0.1}
    long = _qkv(4, (16, 16), 2048, 2048, 128, dtype="bf16")
    yield "big mask", _masked(long, (4, 1, 1, 2048), "bool"), {}
    yield "big added mask", _masked(long, (2048, 2048), "bf16"), {}
    wide = _qkv(4, (16, 16), 2048, 2048, 128)
    yield "big f32 64", _qkv(4, (16, 16), 2048, 2048, 64), {}
    yield "big f32 128", wide, {}
    yield "big tf32 128", wide, {"tf32": True}


# What a result may be off, in its units at the root mean square of all: half-precision weights are
# rounded before they meet the values, TF32 keeps 10 bits, and in fp32 the terms of a mean, or of a
# gradient (which is a difference of two such sums), are several times larger than what is left.
_FORWARD = {"float16": 5, "bfloat16": 5, "float32": 48, "tf32": 2**16}
_BACKWARD = {"float16": 10, "bfloat16": 8, "float32": 80, "tf32": 2**17}


def _cases(samples: Any, big: Any, reference: Any, backward: bool) -> Iterator[Case]:
    """Cases of samples: of the forward, or (`backward`) with gradient, result and lse before."""
    allowed = _BACKWARD if backward else _FORWARD
    for large, source in ((False, samples()), (True, big())):
        for name, build, keywords in source:
            dtype = build(Maker(0, True))[0].dtype.name
            ulps = allowed["tf32" if keywords.get("tf32") else dtype]
            if backward:
                build = _forward_first(build, keywords, reference)
            yield Case(name, build, keywords, big=large, ulps=ulps)


def attention_cases() -> Iterator[Case]:
    """Every dtype, mask, alignment and edge."""
    yield from _cases(_samples, _big, attention_reference, False)
    yield from _refused()


def backward_cases() -> Iterator[Case]:
    """The forward's samples with gradients, and statistics that do not fit."""
    yield from _cases(_samples, _big, attention_reference, True)
    good = _forward_first(_qkv(1, (1, 1), 3, 4, 16), {}, attention_reference)

    def swapped(change: Any) -> Any:
        return lambda m: change(*good(m))

    yield Case("g transposed", swapped(lambda g, *a: (g.swapaxes(2, 3), *a)), refuses=ValueError)
    yield Case("lse strided", swapped(lambda *a: (*a[:5], np.repeat(a[5], 2, 2)[..., ::2])),
               refuses=ValueError)  # fmt: skip
    yield Case("lse in fp64", swapped(lambda *a: (*a[:5], a[5].astype(np.float64))),
               refuses=TypeError)  # fmt: skip


def _refused() -> Iterator[Case]:
    good = _qkv(1, (2, 1), 3, 4, 16)
    yield Case("heads do not divide", _qkv(1, (3, 2), 3, 4, 16), refuses=ValueError)
    yield Case("head too large", _qkv(1, (1, 1), 3, 4, 257), refuses=ValueError)
    yield Case("fp64", _qkv(1, (1, 1), 3, 4, 16, dtype="f64"), refuses=TypeError)
    yield Case("dropout 2", good, {"dropout": 2.0}, refuses=ValueError)
    yield Case("three axes", lambda m: tuple(x[0] for x in good(m)), refuses=ValueError)
    yield Case("mask too wide", _masked(good, (2, 1, 3, 4), "bool"), refuses=ValueError)
    yield Case("integer mask", lambda m: (*good(m), m.integers((3, 4), 2)), refuses=TypeError)
    yield Case("v shorter", lambda m: (*good(m)[:2], m.normal((1, 1, 3, 16))), refuses=ValueError)


def _lengths(queries: list[int], keys: list[int], dtype: str = "i32") -> Any:
    """Cumulated lengths, of no use as shapes alone."""
    kind = np.int32 if dtype == "i32" else np.int64
    return tuple([np.cumsum([0, *n], dtype=kind) for n in (queries, keys)])


def _behind(
    queries: list[int], keys: list[int], heads: tuple[int, int], size: int, dtype: str = "f32",
    kind: str = "i32",
) -> Any:  # fmt: skip
    def build(m: Maker) -> tuple[Any, ...]:
        t, u = sum(queries), sum(keys)
        return (
            m.normal((t, heads[0], size), dtype), m.normal((u, heads[1], size), dtype),
            m.normal((u, heads[1], size), dtype), *_lengths(queries, keys, kind), max(queries),
            max(keys),
        )  # fmt: skip

    return build


def _variable_samples() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    lengths = [5, 37, 1, 20], [40, 7, 1, 20]
    yield "f32", _behind(*lengths, (4, 2), 16), {}
    yield "f16", _behind(*lengths, (2, 2), 24, "f16", "i64"), {}
    yield "causal", _behind(*lengths, (2, 2), 16), {"causal": True}
    yield "bottom", _behind(*lengths, (2, 2), 16), {"causal": True, "bottom": True}
    yield "empty sequences", _behind([20, 0, 17], [0, 25, 18], (4, 2), 16), {}
    yield "dropout", _behind([5, 20], [4, 18], (2, 2), 16), {"dropout": 0.4, "seed": 3}


def _variable_big() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    yield "big", _behind([2048] * 4, [2048] * 4, (16, 16), 128, "bf16"), {"causal": True}


def variable_cases() -> Iterator[Case]:
    """Sequences of many lengths, empty ones too."""
    yield from _cases(_variable_samples, _variable_big, variable_reference, False)
    good = _behind([3], [4], (1, 1), 16)
    yield Case("lengths as floats", lambda m: (*good(m)[:3], m.normal((2,)), m.normal((2,)), 3, 4),
               refuses=TypeError)  # fmt: skip
    yield Case("lengths differ", lambda m: (*good(m)[:3], *_lengths([3], [4, 5]), 3, 4),
               refuses=ValueError)  # fmt: skip
    yield Case("two axes", lambda m: (good(m)[0][0], *good(m)[1:]), refuses=ValueError)


def variable_backward_cases() -> Iterator[Case]:
    """The forward's samples with gradients."""
    yield from _cases(_variable_samples, _variable_big, variable_reference, True)


def _forward_first(build: Any, keywords: dict[str, Any], reference: Any) -> Any:
    """Builder of the backward's arguments: g, q, k, v, out, lse and what the forward took."""

    def built(m: Maker) -> tuple[Any, ...]:
        q, k, v, *more = build(m)
        shape = (*q.shape[:-1], v.shape[-1])
        g = np.empty(shape, q.dtype) if m.shapes_only else m.normal(shape, "f64").astype(q.dtype)
        rows = (q.shape[1], q.shape[0]) if q.ndim == 3 else q.shape[:-1]
        if m.shapes_only:
            return g, q, k, v, np.empty(shape, q.dtype), np.empty(rows, np.float32), *more
        wide = [x.astype(np.float64) if x.dtype.kind not in "bi" else x
                for x in (q, k, v, *more) if isinstance(x, np.ndarray)]  # fmt: skip
        out, lse = reference(*wide, *[x for x in more if isinstance(x, int)], **keywords)
        return g, q, k, v, out.astype(q.dtype), lse.astype(np.float32), *more

    return built
