"""Sequences of different lengths: padded, packed, and back.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import franken
from franken import Tensor


class PackedSequence_(NamedTuple):
    """The fields of a packed sequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences as time steps one after the other: `batch_sizes[t]` rows belong to step t."""

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> PackedSequence:  # fmt: skip
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise ValueError("Expected (data, batch_sizes)")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like "
                "pack_sequence and pack_padded_sequences in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Convert the data (and move the indices) as Tensor.to does."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = {"device": data.device}
        return type(self)(
            data, self.batch_sizes,
            None if self.sorted_indices is None else self.sorted_indices.to(**moved),
            None if self.unsorted_indices is None else self.unsorted_indices.to(**moved),
        )  # fmt: skip

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Move to a CUDA device."""
        return self.to("cuda")

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Move to the CPU."""
        return self.to("cpu")

    def double(self) -> PackedSequence:
        """Cast to float64."""
        return self.to(dtype=franken.double)

    def float(self) -> PackedSequence:
        """Cast to float32."""
        return self.to(dtype=franken.float)

    def half(self) -> PackedSequence:
        """Cast to float16."""
        return self.to(dtype=franken.half)

    def long(self) -> PackedSequence:
        """Cast to int64."""
        return self.to(dtype=franken.long)

    def int(self) -> PackedSequence:
        """Cast to int32."""
        return self.to(dtype=franken.int)

    def short(self) -> PackedSequence:
        """Cast to int16."""
        return self.to(dtype=franken.short)

    def char(self) -> PackedSequence:
        """Cast to int8."""
        return self.to(dtype=franken.int8)

    def byte(self) -> PackedSequence:
        """Cast to uint8."""
        return self.to(dtype=franken.uint8)

    def pin_memory(self) -> PackedSequence:
        """Accepted for compatibility."""
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data are in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`."""
    if permutation is None:
        return None
    out = franken.empty_like(permutation)
    out[permutation] = franken.arange(0, permutation.numel(), device=permutation.device)
    return out


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (T, B, *) (or (B, T, *)) by the lengths of the B sequences.

    >>> import franken as torch
    >>> packed = pack_padded_sequence(torch.tensor([[1, 2], [3, 0]]), [2, 1])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 2, 3]), tensor([2, 1]))
    """
    if not isinstance(lengths, Tensor):
        lengths = franken.as_tensor(lengths, dtype=franken.int64)
    order = None
    if not enforce_sorted:
        lengths, order = franken.sort(lengths, descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    x = input.transpose(0, 1) if batch_first else input
    sizes = lengths.tolist()
    _check_lengths(x, sizes)
    batch_sizes = [sum(n > t for n in sizes) for t in range(sizes[0])]
    data = franken.cat([x[t, :b] for t, b in enumerate(batch_sizes)])
    return PackedSequence(data, franken.tensor(batch_sizes), order)


def _check_lengths(x: Tensor, sizes: list[int]) -> None:
    if len(sizes) != x.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={x.size(1)})"
        )
    if any(n <= 0 for n in sizes):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"  # noqa: E501
        )
    if any(a < b for a, b in zip(sizes, sizes[1:], strict=False)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if sizes[0] > x.size(0):
        raise RuntimeError(
            f"Expected sequence length to be larger than or equal to the longest length, got "
            f"{x.size(0)} and {sizes[0]}"
        )


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Undo pack_padded_sequence: (T, B, *) and the lengths."""
    sizes = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    batch, tail = sizes[0], tuple(sequence.data.shape[1:])
    rows = []
    for part in sequence.data.split(sizes):
        missing = batch - part.size(0)
        if missing:
            part = franken.cat([part, part.new_full((missing, *tail), padding_value)])
        rows.append(part)
    rows += [rows[0].new_full((batch, *tail), padding_value)] * (steps - len(sizes))
    out = franken.stack(rows)
    lengths = franken.tensor([sum(b > i for b in sizes) for i in range(batch)])
    if batch_first:
        out = out.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        out = out.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return out, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:  # fmt: skip
    """Stack sequences (L_i, *) of different lengths as (T, B, *), padded.

    >>> import franken as torch
    >>> pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = list(sequences)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}"
        )
    if not sequences:
        raise RuntimeError("Expected sequences to be non-empty")
    longest = max(s.size(0) for s in sequences)
    rows = []
    for s in sequences:
        missing = longest - s.size(0)
        if missing:
            fill = s.new_full((missing, *s.shape[1:]), padding_value)
            s = franken.cat([fill, s] if padding_side == "left" else [s, fill])
        rows.append(s)
    return franken.stack(rows, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Undo pad_sequence."""
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:n] for row, n in zip(x, lengths.tolist(), strict=True)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (L_i, *)."""
    lengths = franken.tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo pack_sequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence",
    "pad_packed_sequence", "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip
