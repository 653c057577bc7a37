"""References of `random`: the same streams word by word, distributions in float64.

Philox is integer arithmetic, so the words must agree exactly; this file computes them block by
block in Python's integers, as the paper writes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _philox(counter: list[int], key: list[int]) -> list[int]:
    """One block of four words (Salmon et al., section 3)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(seed: int, offset: int, n: int) -> np.ndarray:
    """Words 0..n-1 of stream (seed, offset), uint64.

    >>> [hex(int(w)) for w in words(0, 0, 2)]
    ['0x6627e8d5', '0xe169c58d']
    """
    low = 0xFFFFFFFF
    out: list[int] = []
    for block in range(-(-n // 4)):
        counter = [block & low, block >> 32, offset & low, (offset >> 32) & low]
        out += _philox(counter, [seed & low, (seed >> 32) & low])
    return np.array(out[:n], np.uint64)


def _doubles(seed: int, offset: int, n: int) -> np.ndarray:
    pair = words(seed, offset, 2 * n)
    return ((pair[0::2] << np.uint64(32) | pair[1::2]) >> np.uint64(11)).astype(
        np.float64
    ) * 2.0**-53


def uniform(
    like: np.ndarray, seed: int, offset: int, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """k * 2**-d of the leading bits of word i (two words for float64), stretched to [low, high)."""
    digits = {"float32": 24, "float16": 11, "bfloat16": 8}.get(like.dtype.name)
    if digits is None:
        u = _doubles(seed, offset, like.size)
    else:
        u = (words(seed, offset, like.size) >> np.uint64(32 - digits)).astype(
            np.float64
        ) * 2.0**-digits
    return (low + (high - low) * u).reshape(like.shape)


def integers(
    like: np.ndarray, seed: int, offset: int, low: int = 0, high: int | None = None
) -> np.ndarray:
    """floor(u * (high - low)) + low with a 53-bit u, or the 64 bits of two words."""
    if high is None:
        pair = words(seed, offset, 2 * like.size)
        return (pair[0::2] << np.uint64(32) | pair[1::2]).reshape(like.shape)
    drawn = np.floor(_doubles(seed, offset, like.size) * float(high - low)).astype(np.int64) + low
    return drawn.astype(like.dtype).reshape(like.shape)


def bernoulli(like: np.ndarray, p: Any, seed: int, offset: int) -> np.ndarray:
    """1 where u < p: u of 53 bits for a number or a float64 array, else of 24 bits."""
    if not isinstance(p, np.ndarray) or p.dtype == np.float64:
        u = _doubles(seed, offset, like.size)
    else:
        u = (words(seed, offset, like.size) >> np.uint64(8)).astype(np.float64) * 2.0**-24
    chances = np.broadcast_to(np.asarray(p, np.float64), like.shape)
    return (u.reshape(like.shape) < chances).astype(like.dtype)


def normal(
    like: np.ndarray, seed: int, offset: int, mean: float = 0.0, deviation: float = 1.0
) -> np.ndarray:
    """Box and Muller's formula in float64 on 24-bit uniforms, 8 + 8 of every 16."""
    n = -(-like.size // 16) * 16
    u = (words(seed, offset, n) >> np.uint64(8)).astype(np.float64) * 2.0**-24
    pairs = u.reshape(-1, 2, 8)
    radius, angle = np.sqrt(-2 * np.log(1 - pairs[:, 0])), 2 * np.pi * pairs[:, 1]
    out = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return (out[: like.size] * deviation + mean).reshape(like.shape)


def dropout(x: np.ndarray, p: float, seed: int, offset: int, mask: bool = False) -> Any:
    """Keeps element i where word i is at least p * 2**32."""
    keep = (words(seed, offset, x.size) >= round(p * 2**32)).reshape(x.shape)
    out = np.where(keep, x.astype(np.float64) / (1 - p) if p < 1 else 0.0, 0.0)
    return (out, keep) if mask else out
