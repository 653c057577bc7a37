"""Philox4x32-10: random words as a pure function of seed, offset and element index.

It knows no generator state and no distribution beyond uniform and normal. Any device that runs
the same integer arithmetic draws the same bits, in any order and with any number of threads.
Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from franken.backends.numpy.random.formulas import box_muller_f32, cast

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Words = NDArray[np.uint32]


_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_CHUNK = 1 << 14


def philox4x32(
    counter: tuple[Any, Any, Any, Any], key: tuple[int, int], rounds: int = 10
) -> tuple[Words, Words, Words, Words]:
    """Mix four uint32 counters (arrays or numbers) with a two-word key into four random words.

    >>> [hex(int(word)) for word in philox4x32((0, 0, 0, 0), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    parts = np.broadcast_arrays(*(np.asarray(c, np.uint32) for c in counter))
    c0, c1, c2, c3 = (np.array(part, np.uint64) for part in parts)  # high halves stay zero
    k0, k1 = key
    for _ in range(rounds):
        p0 = c0 * _MULTIPLIERS[0]
        p1 = c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    w0, w1, w2, w3 = (c.astype(np.uint32) for c in (c0, c1, c2, c3))
    return w0, w1, w2, w3


def words(seed: int, offset: int, start: int, n: int) -> Words:
    """Return words start..start+n-1 of the stream (seed, offset): a counter holds four words.

    The key is the seed; the counter is the block number in its low and `offset` in its high half.

    >>> bool((words(1, 0, 5, 3) == words(1, 0, 0, 8)[5:]).all())
    True
    """
    first, last = start // 4, -(-(start + n) // 4)
    block = np.arange(first, last, dtype=np.uint64)
    low, high = (block & _LOW).astype(np.uint32), (block >> _SHIFT).astype(np.uint32)
    offset %= 2**64
    counter = (low, high, offset & 0xFFFFFFFF, offset >> 32)
    mixed = philox4x32(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    return np.stack(mixed, axis=1).reshape(-1)[start - 4 * first :][:n]


def uniform(
    seed: int, offset: int, shape: Sequence[int], dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return uniforms of [0, 1): 24 bits of word i for element i, or 53 of words 2i and 2i+1.

    The halves round the float32 value downwards, so that 1 is never reached.
    """
    dtype, n = np.dtype(dtype), math.prod(shape)
    out = np.empty(n, dtype)
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        out[start:stop] = _uniform(seed, offset, start, stop - start, dtype)
    return out.reshape(shape)


def _uniform(seed: int, offset: int, start: int, n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.float64:
        pair = words(seed, offset, 2 * start, 2 * n).astype(np.uint64)
        whole = (pair[0::2] << _SHIFT | pair[1::2]) >> np.uint64(11)
        return whole.astype(np.float64) * 2.0**-53
    digits = {"float32": 24, "float16": 11, "bfloat16": 8}.get(dtype.name)
    if digits is None:
        raise NotImplementedError(f'"philox_uniform" not implemented for {dtype.name!r}')
    top = words(seed, offset, start, n) >> np.uint32(32 - digits)
    return cast(top.astype(np.float32) * np.float32(2.0**-digits), dtype)


def normal(
    seed: int, offset: int, shape: Sequence[int], dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return standard normals: elements 16b+j and 16b+8+j are one Box-Muller pair, j below 8.

    float32 arithmetic of fixed operations (`rng_math.box_muller_f32`) for every dtype but
    float64, which uses NumPy's own log1p, sin and cos: its last bits follow the NumPy build.
    """
    dtype, n = np.dtype(dtype), math.prod(shape)
    wide = dtype == np.float64
    out = np.empty(-(-n // 16) * 16, np.float64 if wide else np.float32)
    for start in range(0, len(out), _CHUNK):
        count = min(_CHUNK, len(out) - start)
        u = _uniform(seed, offset, start, count, out.dtype)
        out[start : start + count] = _box_muller(u) if wide else box_muller_f32(u)
    return cast(out[:n], dtype).reshape(shape)


def _box_muller(u: NDArray[np.float64]) -> NDArray[np.float64]:
    pairs = u.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * np.log1p(-pairs[:, 0]))
    angle = (2.0 * math.pi) * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
