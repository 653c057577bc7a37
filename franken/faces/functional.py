"""torch.functional: the functions that torch writes in Python, under their second name."""

from __future__ import annotations

from typing import Any

from franken.core.op import namespace
from franken.core.tensor import Tensor as Tensor
from franken.faces.spaces import missing

__all__ = [  # noqa: F822 - found by __getattr__
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes", "broadcast_tensors",
    "cartesian_prod", "block_diag", "cdist", "chain_matmul", "einsum", "istft", "lu", "norm",
    "meshgrid", "pca_lowrank", "split", "stft", "svd_lowrank", "tensordot", "unique",
    "unique_consecutive", "unravel_index",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    found = namespace("torch").get(name) if name in __all__ else None
    if found is None:
        raise missing("torch.functional", name, __all__)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
