"""Functions that torch keeps behind an underscore and that compiled or generated code calls."""

from __future__ import annotations

from typing import Any

from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.indexing.masked import masked_fill_prim
from franken.ops.shape.join import CAT, cat, tensor_list


def _inside(input: Any, indices: Any) -> tuple[Any, ...]:
    """Indices clamped into bounds, so that what a mask hides may point anywhere."""
    return tuple(
        i if i is None else i.clamp(-input.shape[d], input.shape[d] - 1)
        for d, i in enumerate(indices)
    )


def _key(indices: Any) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else i for i in indices)


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 4), [t.index(2, high=3), t.index(2, high=4)]),
        S(t(3, 4), [t.index(5, high=3)]),
    ],
    title="UnsafeIndexBackward0",
)
def _unsafe_index(input: Tensor, indices: Any) -> Tensor:
    """`input[indices]`."""
    return input[_key(indices)]  # type: ignore[index]


@op(
    method=False,
    samples=lambda t: [S(t(3, 4), t.mask(2), [t.index(2, high=3), t.index(2, high=4)], 1.5)],
    title="UnsafeMaskedIndexBackward0",
)
def _unsafe_masked_index(input: Tensor, mask: Tensor, indices: Any, fill: Any) -> Tensor:
    """`input[indices]` where `mask` is true, `fill` elsewhere."""
    if input.shape.numel() == 0:
        return input.new_full(tuple(mask.shape), fill)  # type: ignore[attr-defined]
    got: Any = input[_key(_inside(input, indices))]  # type: ignore[index]
    return got.masked_fill(~mask, fill)  # type: ignore[operator]


@op(
    method=False,
    samples=lambda t: [S(t(3, 4), t.mask(2), [t.index(2, high=3), t.index(2, high=4)], t(2))],
    title="UnsafeMaskedIndexPutAccumulateBackward0",
)
def _unsafe_masked_index_put_accumulate(
    input: Tensor, mask: Tensor, indices: Any, values: Tensor
) -> Tensor:
    """A copy with `values` added at the indices where `mask` is true."""
    x: Any = input
    if x.shape.numel() == 0:
        return x.clone()
    kept = masked_fill_prim(values, ~mask, 0)  # type: ignore[operator]
    return x.index_put(_inside(x, indices), kept, accumulate=True)


def _chunk_axis(rows: Any, dim: int) -> int:
    """The axis that _chunk_cat splits along; all axes before it must agree."""
    if any(x.shape.numel() == 0 for x in rows):
        raise RuntimeError("_chunk_cat expects non-empty tensor")
    if dim < 0 and any(x.ndim != rows[0].ndim for x in rows):
        raise RuntimeError(
            "_chunk_cat expects non-negative dim when input tensors have different ndims"
        )
    d = dim + rows[0].ndim if dim < 0 else dim
    if any(d >= x.ndim for x in rows):
        raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
    if any(x.shape[:d] != rows[0].shape[:d] for x in rows):
        raise RuntimeError(
            "_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors"
        )
    return d


@op(
    method=False,
    out=CAT,
    samples=lambda t: [S([t(4, 3), t(2, 3)], 0, 2)],
    title="torch::autograd::NotImplemented",
)
def _chunk_cat(tensors: Any, dim: int, num_chunks: int) -> Tensor:
    """Chunk each tensor (padded with zeros) along `dim`, then join the chunks' flat remainders."""
    rows: list[Any] = tensor_list(tensors, "_chunk_cat")
    if not rows:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    d = _chunk_axis(rows, dim)
    pieces = []
    for x in rows:
        lead, n = tuple(x.shape[:d]), x.shape[d]
        size = -(-n // num_chunks)
        short = size * num_chunks - n
        if short:
            x = cat([x, x.new_zeros((*lead, short, *x.shape[d + 1 :]))], d)
        pieces.append(x.reshape((*lead, num_chunks, -1)))
    return cat(pieces, d + 1)
