"""Samplers over counter streams: element i's number depends on seed, offset and i alone.

The GPU's random ops; written on NumPy, hence the same bits can be drawn on the CPU. Knows formulas,
not devices. Source of the streams: core.philox.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy.random import philox


def _uniform(gen: Any, shape: Any, dtype: Any) -> Any:
    seed, offset = gen.take()
    return philox.uniform(seed, offset, shape, dtype)


def _doubles(gen: Any, shape: Any) -> Any:
    return _uniform(gen, shape, np.dtype(np.float64))


def uniform(gen: Any, shape: Any, dtype: Any, low: float = 0.0, high: float = 1.0) -> Any:
    """Numbers of [low, high)."""
    u = _uniform(gen, shape, dtype)
    return u if (low, high) == (0.0, 1.0) else (u * (high - low) + low).astype(dtype)


def normal(
    gen: Any, shape: Any, dtype: Any, mean: float = 0.0, std: float = 1.0, dense: Any = 1
) -> Any:
    """Normal numbers."""
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    seed, offset = gen.take()
    z = philox.normal(seed, offset, shape, dtype)
    return z if (mean, std) == (0.0, 1.0) else (z * std + mean).astype(dtype)


def randint(gen: Any, shape: Any, dtype: Any, low: int, high: Any) -> Any:
    """Integers of [low, high); below 2**53 wide ranges."""
    top = int(np.iinfo(dtype).max) + 1 if high is None else high
    if low >= top:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={top}"
        )
    return (np.floor(_doubles(gen, shape) * float(top - low)).astype(np.int64) + low).astype(dtype)


def random(gen: Any, shape: Any, dtype: Any) -> Any:
    """Integers over the range that the dtype counts exactly."""
    digits = {"float32": 24, "float64": 53, "float16": 11, "bfloat16": 8, "bool": 1}.get(dtype.name)
    top = 2**digits if digits else min(int(np.iinfo(dtype).max) + 1, 2**53)
    return np.floor(_doubles(gen, shape) * float(top)).astype(dtype)


def exponential(gen: Any, shape: Any, dtype: Any, lambd: float) -> Any:
    """Exponential numbers."""
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    return (-np.log1p(-_doubles(gen, shape)) / lambd).astype(dtype)


def cauchy(gen: Any, shape: Any, dtype: Any, median: float, sigma: float) -> Any:
    """Cauchy numbers."""
    return (median + sigma * np.tan(math.pi * (_doubles(gen, shape) - 0.5))).astype(dtype)


def log_normal(gen: Any, shape: Any, dtype: Any, mean: float, std: float) -> Any:
    """Exponentials of normal numbers."""
    return np.exp(normal(gen, shape, np.dtype(np.float64)) * std + mean).astype(dtype)


def geometric(gen: Any, shape: Any, dtype: Any, p: float) -> Any:
    """Numbers of trials up to the first success."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    return np.ceil(np.log1p(-_doubles(gen, shape)) / math.log1p(-p)).astype(dtype)


def coins(gen: Any, shape: Any, dtype: Any, p: Any) -> Any:
    """Ones with probability p, a number or an array."""
    if isinstance(p, float) and not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return (_doubles(gen, shape) < p).astype(dtype)


# --- the kernels, by primitive -------------------------------------------------------------------


def _source(sample: Any) -> Any:
    def kernel(*, shape: Any, to: Any, args: Any, generator: Any, device: Any) -> Any:
        return sample(generator, shape, to.np, *args)

    return kernel


def _filler(sample: Any) -> Any:
    def kernel(x: Any, *, args: Any, generator: Any) -> Any:
        return sample(generator, x.shape, x.dtype, *args)

    return kernel


def _randperm(*, n: int, to: Any, generator: Any, device: Any) -> Any:
    return np.argsort(_doubles(generator, (n,))).astype(to.np)


def _bernoulli(p: Any, *, generator: Any) -> Any:
    return coins(generator, p.shape, p.dtype, p)


def _bernoulli_into(x: Any, p: Any, *, generator: Any) -> Any:
    return coins(generator, x.shape, x.dtype, p)


def _normal_pair(mean: Any, std: Any, *, generator: Any) -> Any:
    source = mean if isinstance(mean, np.ndarray) else std
    shape = np.broadcast_shapes(getattr(mean, "shape", ()), getattr(std, "shape", ()))
    return (normal(generator, shape, source.dtype) * std + mean).astype(source.dtype)


def _multinomial(probs: Any, *, n: int, replacement: bool, generator: Any) -> Any:
    if replacement:
        total = np.cumsum(probs.astype(np.float64), -1)
        u = _doubles(generator, (*probs.shape[:-1], n)) * total[..., -1:]
        return np.sum(u[..., None] >= total[..., None, :], -1).astype(np.int64)
    clocks = -np.log1p(-_doubles(generator, probs.shape)) / probs.astype(np.float64)
    return np.argsort(clocks, -1)[..., :n].astype(np.int64)


KERNELS = {
    "rand": _source(uniform), "randn": _source(normal), "randint": _source(randint),
    "randperm": _randperm, "uniform": _filler(uniform), "normal": _filler(normal),
    "exponential": _filler(exponential), "cauchy": _filler(cauchy),
    "log_normal": _filler(log_normal), "geometric": _filler(geometric), "random": _filler(random),
    "random_range": _filler(randint), "bernoulli_scalar": _filler(coins),
    "bernoulli": _bernoulli, "bernoulli_tensor": _bernoulli_into, "normal_pair": _normal_pair,
    "multinomial": _multinomial,
}  # fmt: skip
