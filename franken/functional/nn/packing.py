"""Sequences of different lengths as one block of rows, time step after time step, and back.

Knows lengths as torch does, one int64 tensor on the CPU; sorting them is `nn.utils.rnn`'s.
Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S


def _counts(lengths: Any) -> Any:
    if lengths.ndim != 1 or lengths.device.type != "cpu" or lengths.dtype is not dt.int64:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D "
            f"{lengths.device.type} {lengths.dtype.scalar_name} tensor"
        )
    return np.asarray(lengths.tolist(), dtype=np.int64)


def _check_lengths(counts: Any, batch: int) -> None:
    if len(counts) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={batch})"
        )
    if (counts <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (counts[1:] > counts[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 2, 2), t.of([3, 1]), False),
        S(t(3, 2), t.of([2, 2, 1]), True),
    ],
    title=lambda *_: "PackPaddedSequenceBackward0",
)
def _pack_padded_sequence(
    input: Tensor, lengths: Tensor, batch_first: bool
) -> tuple[Tensor, Tensor]:
    """The rows (N, *) of (T, B, *) (or (B, T, *)) within the B lengths, and how many a step has.

    Lengths beyond T count as steps, but have no rows.
    """
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    counts = _counts(lengths)
    if input.ndim < 2:
        raise IndexError(
            "Dimension out of range (expected to be in range of [-1, 0], but got 1)"
            if input.ndim or batch_first
            else "Dimension specified as 1 but tensor has no dimensions"
        )
    steps, batch = (input.shape[1], input.shape[0]) if batch_first else tuple(input.shape[:2])
    _check_lengths(counts, batch)
    tensor = namespace("torch")["tensor"]
    sizes = (counts[:, None] > np.arange(counts[0])).sum(axis=0)
    when = np.repeat(np.arange(len(sizes)), sizes)
    who = np.concatenate([np.arange(n) for n in sizes])
    place = [tensor(a[when < steps], device=input.device) for a in (when, who)]
    data = input[tuple(place[::-1] if batch_first else place)]
    return data, tensor(sizes)


@op(
    method=False,
    samples=lambda t: [
        S(t(5, 2), t.of([2, 2, 1]), False, 0.0, -1),
        S(t(5), t.of([3, 2]), True, 0.5, 4),
    ],
)
def _pad_packed_sequence(
    data: Tensor, batch_sizes: Tensor, batch_first: bool, padding_value: float, total_length: int
) -> tuple[Tensor, Tensor]:
    """Undo `_pack_padded_sequence`: (T, B, *) with padding, and the lengths."""
    sizes = _counts(batch_sizes)
    if not len(sizes):
        raise RuntimeError("batch_sizes can not be empty")
    longest = len(sizes)
    if 0 < total_length < longest:
        raise RuntimeError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    tail = tuple(data.shape[1:])
    out = data.new_full((max(longest, total_length), int(sizes[0]), *tail), padding_value)
    ends = [*(np.flatnonzero(np.diff(sizes)) + 1).tolist(), longest]
    start = row = 0
    for end in ends:  # steps of equal sizes are written together
        rows = int(sizes[start])
        part = data[row : row + (end - start) * rows]
        out[start:end, :rows].copy_(part.view(end - start, rows, *tail))
        start, row = end, row + (end - start) * rows
    lengths = (sizes[:, None] > np.arange(sizes[0])).sum(axis=0)
    made = namespace("torch")["tensor"](lengths)
    return (out.transpose(0, 1) if batch_first else out), made
