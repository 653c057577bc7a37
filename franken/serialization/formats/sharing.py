"""Which arrays of a set lie in the same memory, so that a file can store those bytes once.

Knows addresses and strides only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..elements import little_endian
from .spans import c_strides

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """An array in a store: which store, its first element there, and strides in elements."""

    store: int
    offset: int
    strides: tuple[int, ...]


def plan_stores(arrays: Mapping[str, Array]) -> tuple[list[Array], dict[str, Place]]:
    """Return one-dimensional stores and the place of every array in them.

    Arrays of one dtype that overlap in memory get one store; every other one its own, in C order.

    >>> base = np.arange(6.0)
    >>> stores, places = plan_stores({"a": base, "b": base[2:4], "c": np.ones(2)})
    >>> [store.size for store in stores], places["b"].store, places["b"].offset
    ([6, 2], 0, 2)
    """
    normal = {name: little_endian(np.asarray(array)) for name, array in arrays.items()}
    stores: list[Array] = []
    places: dict[str, Place] = {}
    for group in _groups(normal):
        members = {name: normal[name] for name in group}
        if len(group) == 1 or not _shareable(members):
            _store_apart(members, stores, places)
        else:
            _store_together(members, stores, places)
    return stores, {name: places[name] for name in arrays}


def _store_apart(arrays: dict[str, Array], stores: list[Array], places: dict[str, Place]) -> None:
    for name, array in arrays.items():
        places[name] = Place(len(stores), 0, c_strides(array.shape))
        # Contiguous ones are not copied here, others when they are written.
        stores.append(array.reshape(-1) if array.flags.c_contiguous else array)


def _store_together(
    arrays: dict[str, Array], stores: list[Array], places: dict[str, Place]
) -> None:
    first = min(arrays.values(), key=_address)
    begin, end = _address(first), max(_end(array) for array in arrays.values())
    size = first.itemsize
    for name, array in arrays.items():
        strides = tuple(step // size for step in array.strides)
        places[name] = Place(len(stores), (_address(array) - begin) // size, strides)
    stores.append(np.lib.stride_tricks.as_strided(first, ((end - begin) // size,), (size,)))


def _groups(arrays: dict[str, Array]) -> list[list[str]]:
    """Return the names in groups that overlap in memory, in the order of their first names."""
    order = {name: i for i, name in enumerate(arrays)}
    groups: list[list[str]] = []
    reach = -1
    for name in sorted(arrays, key=lambda name: (_address(arrays[name]), order[name])):
        if arrays[name].size == 0:
            groups.append([name])
        elif groups and _address(arrays[name]) < reach and arrays[groups[-1][0]].size:
            groups[-1].append(name)
            reach = max(reach, _end(arrays[name]))
        else:
            groups.append([name])
            reach = _end(arrays[name])
    return sorted(groups, key=lambda group: min(order[name] for name in group))


def _shareable(arrays: dict[str, Array]) -> bool:
    first = min(arrays.values(), key=_address)
    return all(
        array.dtype == first.dtype
        and (_address(array) - _address(first)) % array.itemsize == 0
        and all(step >= 0 and step % array.itemsize == 0 for step in array.strides)
        for array in arrays.values()
    )


def _address(array: Array) -> int:
    return int(array.ctypes.data)


def _end(array: Array) -> int:
    steps = zip(array.shape, array.strides, strict=True)
    return _address(array) + array.itemsize + sum((n - 1) * s for n, s in steps if s > 0)
