"""From one layout to another: what the primitives between them compute."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import compressed, coo
from franken.backends.numpy.layouts.compressed import Compressed
from franken.backends.numpy.layouts.coo import Coo


def made(indices: Any, values: Any, *, shape: Any, coalesced: bool) -> Coo:
    """An array in coordinates."""
    return Coo(indices, values, shape, coalesced)


def values(x: Any) -> Any:
    """The elements that are stored."""
    return x.values


def with_values(x: Any, values: Any) -> Any:
    """Other elements at the same places."""
    return x.with_values(values)


def dense(x: Any, *, masked: bool) -> Any:
    """The strided array; `masked` is for the derivative alone."""
    return compressed.strided(x)


def coordinates(x: Any, *, sparse_dim: int) -> Coo:
    """A strided array in coordinates."""
    return coo.from_dense(x, sparse_dim)


def masked(x: Any, mask: Any) -> Any:
    """The elements of an array of any layout at the places of `mask`, in its layout."""
    if isinstance(mask, Coo):
        return mask.with_values(coo.pick(x if isinstance(x, Coo) else compressed.strided(x), mask))
    return mask.with_values(compressed.values_at(x, mask))


def full(x: Any) -> Any:
    """The array with all of its elements stored, in its layout."""
    if isinstance(x, Coo):
        return coo.filled_up(x)
    ones = np.ones(x.shape, np.bool_)
    everywhere: Compressed = compressed.from_dense(ones, x.layout, x.blocksize, x.dense_dim)
    return everywhere.with_values(compressed.values_at(compressed.to_dense(x), everywhere))
