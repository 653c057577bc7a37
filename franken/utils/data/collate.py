"""Samples into batches: default_collate and default_convert.

Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.default_collate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import franken
from franken import Tensor
from franken.utils.data.worker import get_worker_info

_TEXT = (str, bytes)


def _is_named(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _numeric(array: Any) -> bool:
    return array.dtype.kind not in "SaUO"


def default_convert(data: Any) -> Any:
    """The same nesting with NumPy arrays as tensors.

    >>> default_convert({"a": np.ones(2)})
    {'a': tensor([1., 1.], dtype=torch.float64)}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return franken.as_tensor(data) if _numeric(data) else data
    if isinstance(data, Mapping):
        return _like_mapping(data, {k: default_convert(v) for k, v in data.items()})
    if _is_named(data):
        return type(data)(*(default_convert(v) for v in data))
    if isinstance(data, tuple):
        return [default_convert(v) for v in data]
    if isinstance(data, Sequence) and not isinstance(data, _TEXT):
        return _like_sequence(data, [default_convert(v) for v in data])
    return data


def _like_mapping(example: Any, values: dict[Any, Any]) -> Any:
    if type(example) is dict:
        return values
    try:
        return type(example)(values)
    except TypeError:  # a mapping that cannot be built from one
        return values


def _like_sequence(example: Any, values: list[Any]) -> Any:
    if type(example) is list:
        return values
    try:
        return type(example)(values)
    except TypeError:  # a sequence (such as range) that cannot be built from one
        return values


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch: tensors are stacked, nestings kept.

    >>> default_collate([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    {'a': tensor([1, 2]), 'b': ['x', 'y']}
    """
    first = batch[0]
    if isinstance(first, Tensor):
        if get_worker_info() is not None and any(t.requires_grad for t in batch):
            # no graph leaves a worker: torch refuses as it stacks into shared memory
            return franken.stack(list(batch), 0, out=first.new_empty(0))
        return franken.stack(list(batch), 0)
    if isinstance(first, np.ndarray):
        if not _numeric(first):
            raise TypeError(_unknown(first.dtype))
        return default_collate([franken.as_tensor(a) for a in batch])
    if isinstance(first, np.generic):
        return franken.as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return franken.tensor(batch, dtype=franken.float64)
    if isinstance(first, int):
        return franken.tensor(batch)
    if isinstance(first, _TEXT):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(first, {k: default_collate([d[k] for d in batch]) for k in first})
    if _is_named(first):
        return type(first)(*(default_collate(list(s)) for s in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        return _collate_sequences(first, batch)
    raise TypeError(_unknown(type(first)))


def _collate_sequences(first: Any, batch: Any) -> Any:
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = list(zip(*batch, strict=True))
    if isinstance(first, tuple):
        return [default_collate(c) for c in columns]
    return _like_sequence(first, [default_collate(c) for c in columns])


def _unknown(kind: Any) -> str:
    return (
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{kind}"
    )
