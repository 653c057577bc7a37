"""The NumPy-like stacks: hstack, vstack, dstack, column_stack."""

from __future__ import annotations

from typing import Any

from franken.core.op import op
from franken.core.tensor import Tensor
from franken.functional.views.named import atleast_1d, atleast_2d, atleast_3d
from franken.ops.declaring.samples import S
from franken.ops.shape.join import CAT, cat, tensor_list


def _rows(tensors: Any, name: str, least: Any) -> list[Any]:
    rows = tensor_list(tensors, name)
    if not rows:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return [least(t) for t in rows]


@op(
    method=False,
    out=CAT,
    samples=lambda t: [S([t(3, 4), t(3, 2)]), S((t(3), t(2))), S([t(), t()])],
)
def hstack(tensors: Any) -> Tensor:
    """Join along the second dimension, or the first of 1-d tensors."""
    rows = _rows(tensors, "hstack", atleast_1d)
    return cat(rows, 0 if rows[0].ndim == 1 else 1)


@op(
    method=False,
    out=CAT,
    alias=("row_stack",),
    samples=lambda t: [S([t(3, 4), t(1, 4)]), S((t(3), t(3))), S([t(), t()])],
)
def vstack(tensors: Any) -> Tensor:
    """Join along the first dimension; 1-d tensors are rows."""
    return cat(_rows(tensors, "vstack", atleast_2d), 0)


@op(
    method=False,
    out=CAT,
    samples=lambda t: [S([t(3, 4), t(3, 4)]), S((t(3), t(3))), S([t(), t()])],
)
def dstack(tensors: Any) -> Tensor:
    """Join along the third dimension."""
    return cat(_rows(tensors, "dstack", atleast_3d), 2)


@op(
    method=False,
    out=CAT,
    samples=lambda t: [S([t(3, 4), t(3, 2)]), S((t(3), t(3))), S([t(), t()])],
)
def column_stack(tensors: Any) -> Tensor:
    """Join along the second dimension; tensors of up to 1-d are columns."""
    return hstack(_rows(tensors, "column_stack", _column))


def _column(t: Any) -> Any:
    return t.reshape(t.numel(), 1) if t.ndim <= 1 else t
