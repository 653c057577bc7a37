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
    lengths = franken.as_tensor(lengths, dtype=franken.int64, device="cpu")
    order = None
    if not enforce_sorted:
        lengths, order = franken.sort(lengths, descending=True)
        order = order.to(input.device)
        input = input.index_select(0 if batch_first else 1, order)
    data, batch_sizes = franken._pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Undo pack_padded_sequence: (T, B, *) and the lengths.

    >>> import franken as torch
    >>> packed = pack_padded_sequence(torch.tensor([[1, 2], [3, 0]]), [2, 1])
    >>> pad_packed_sequence(packed)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    steps = sequence.batch_sizes.size(0)
    if total_length is not None and total_length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {steps}"
        )
    out, lengths = franken._pad_packed_sequence(
        sequence.data, sequence.batch_sizes, batch_first, padding_value, total_length or steps
    )
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
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    for i, s in enumerate(sequences):
        if not isinstance(s, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(s).__name__}"
            )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    first, longest = sequences[0], max(s.size(0) for s in sequences)
    sizes = (len(sequences), longest) if batch_first else (longest, len(sequences))
    out = first.new_full((*sizes, *first.shape[1:]), padding_value)
    for i, s in enumerate(sequences):
        n = s.size(0)
        part = slice(longest - n, None) if padding_side == "left" else slice(n)
        out[(i, part) if batch_first else (part, i)].copy_(s)
    return out


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Undo pad_sequence; `lengths` is a tensor."""
    if not hasattr(lengths, "device"):
        raise AttributeError(f"'{type(lengths).__name__}' object has no attribute 'device'")
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
