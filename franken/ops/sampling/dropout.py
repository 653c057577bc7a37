"""Noise of dropout and rrelu as random primitives: on the CPU, torch's numbers for its seed.

Knows how noise is drawn and what vmap's `randomness` means for it; which noise an op multiplies
with is said in `functional/dropout`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.random import distributions as rng_distributions
from franken.backends.registry import rebound_when_used
from franken.core.batching import spread
from franken.core.primitive import Primitive, bind
from franken.ops.sampling.random import _mode, _random, in_memory_order


def _batched_noise(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """ "same": the noise of one example, for all of them; "different": of all at once."""
    mode, size, own = _mode(params)
    x, d = values[0], dims[0]
    if mode == "same":
        return bind(prim, (x if d is None else x.select(d, 0),), own), None
    return bind(prim, (spread(x, d, size),), own), 0


def _scaled(mask: Any, dtype: Any, p: float) -> Any:
    """The mask as numbers of mean 1; `p` of 1 gives zeros."""
    return np.multiply(mask, dtype.type(1) / dtype.type(1 - p) if p < 1 else dtype.type(0))


def _dropout_kernel(x: Any, *, p: float, generator: Any) -> Any:
    mask = in_memory_order(
        x, lambda shape: rng_distributions.dropout_mask(generator, shape, p, np.dtype(np.bool_))
    )
    return _scaled(mask, x.dtype, p)


def _mask_kernel(x: Any, *, p: float, generator: Any) -> Any:
    return in_memory_order(
        x, lambda shape: rng_distributions.dropout_mask(generator, shape, p, np.dtype(np.bool_))
    )


def _rrelu_kernel(x: Any, *, lower: float, upper: float, generator: Any) -> Any:
    """Slopes in the order of the elements <= 0; 1 elsewhere."""
    negative = ~(x > 0)
    noise = np.ones(x.shape, x.dtype)
    drawn = rng_distributions.rrelu_slopes(
        generator, int(np.count_nonzero(negative)), x.dtype, lower, upper
    )
    noise[negative] = drawn
    return noise


dropout_noise = _random("dropout_noise", ("x",), _dropout_kernel, _batched_noise)
dropout_keep = _random(
    "dropout_mask", ("x",), _mask_kernel, _batched_noise,
    lambda x, **_: rules.followed(x, np.dtype(np.bool_)),
)  # fmt: skip
rrelu_noise = _random("rrelu_noise", ("x",), _rrelu_kernel, _batched_noise)
for _prim in (dropout_noise, dropout_keep, rrelu_noise):
    _prim.not_differentiable()
    _prim.differentiable = False


# --- counter streams ------------------------------------------------------------------------------


def _uniform(x: Any, generator: Any) -> Any:
    from franken.backends.numpy.random.counter import uniform

    return uniform(generator, x.shape, np.dtype(np.float64))


def _counter_noise(x: Any, *, p: float, generator: Any) -> Any:
    return _scaled(_uniform(x, generator) >= p, x.dtype, p)


def _counter_mask(x: Any, *, p: float, generator: Any) -> Any:
    return _uniform(x, generator) >= p


def _counter_rrelu(x: Any, *, lower: float, upper: float, generator: Any) -> Any:
    slopes = (_uniform(x, generator) * (upper - lower) + lower).astype(x.dtype)
    return np.where(x > 0, x.dtype.type(1), slopes)


dropout_noise.kernel("cuda", rebound_when_used(_counter_noise))
dropout_keep.kernel("cuda", rebound_when_used(_counter_mask))
rrelu_noise.kernel("cuda", rebound_when_used(_counter_rrelu))
