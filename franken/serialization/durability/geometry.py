"""How a file, or several, is cut into symbols, and the symbols dealt out to blocks.

Arithmetic only: opens no file and codes nothing. Members lie one after the other, each padded with
zeros to a whole number of symbols. Symbol ``s`` belongs to block ``s mod blocks``, so that a burst
of damage anywhere spreads over all blocks, and costs each of them the same small share.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import numpy as np

from .errors import BadInput

Array = np.ndarray[Any, Any]

# 8 KiB symbols and at most 1024 of them a block: up to 10 MiB a block RaptorQ's symbols are plain
# slices of the data (above, RFC 6330 4.4.1.2 cuts sub-blocks), and many small symbols lose less to
# one flipped bit. Coding ran at 290-340 MB/s a core from 4 to 32 KiB symbols, 170 at 1 KiB.
MAX_SYMBOL: Final = 8192
MIN_SYMBOL: Final = 256
MAX_BLOCK: Final = 1024
# Small files: fewer than this many symbols make every flipped bit expensive.
_WANTED: Final = 512
# Decoding from exactly K symbols fails in about 0.5 % of cases, from K + 2 in none of 2000.
SPARE: Final = 2
MAX_REDUNDANCY: Final = 2.0


@dataclass(frozen=True, slots=True)
class Geometry:
    """Symbol size, member sizes in bytes, number of blocks, and repair symbols per block.

    >>> geometry = Geometry(256, (1000, 0, 10), blocks=2, repair=3)
    >>> geometry.symbols, geometry.count(0), geometry.count(1)
    (5, 3, 2)
    >>> geometry.place(4)
    (2, 0, 10)
    """

    symbol: int
    sizes: tuple[int, ...]
    blocks: int
    repair: int
    starts: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        counts = (-(-size // self.symbol) for size in self.sizes)
        object.__setattr__(self, "starts", tuple(accumulate(counts, initial=0)))

    @property
    def symbols(self) -> int:
        """Return the number of source symbols."""
        return self.starts[-1]

    @property
    def total(self) -> int:
        """Return the bytes of all members."""
        return sum(self.sizes)

    def count(self, block: int) -> int:
        """Return K, the number of source symbols of a block."""
        return len(self.members_of(block))

    def members_of(self, block: int) -> range:
        """Return the symbols of a block, in the order in which they are coded."""
        return range(block, self.symbols, self.blocks)

    def place(self, symbol: int) -> tuple[int, int, int]:
        """Return the member of a symbol, its offset there, and how many bytes are not padding."""
        member = bisect.bisect_right(self.starts, symbol) - 1
        offset = (symbol - self.starts[member]) * self.symbol
        return member, offset, min(self.symbol, self.sizes[member] - offset)

    def span(self, member: int) -> range:
        """Return the symbols of a member."""
        return range(self.starts[member], self.starts[member + 1])

    def touching(self, member: int, begin: int, end: int) -> range:
        """Return the symbols that hold the bytes ``begin`` to ``end`` of a member."""
        start = self.starts[member]
        if begin >= end:
            return range(start, start)
        return range(start + begin // self.symbol, start + (end - 1) // self.symbol + 1)


def plan(
    sizes: tuple[int, ...], redundancy: float, *, lost: int = 0, symbol: int | None = None
) -> Geometry:
    """Return the geometry for members of these sizes.

    ``redundancy`` is the share of the data that may be lost; ``lost`` whole members more.

    >>> geometry = plan((64 << 20,), 0.05)
    >>> geometry.symbol, geometry.blocks, geometry.count(0), geometry.repair
    (8192, 8, 1024, 54)
    >>> plan((1,), 0.05).repair
    3
    """
    if not 0 < redundancy <= MAX_REDUNDANCY:
        raise BadInput(
            f"redundancy {redundancy!r}: expected a share above 0 and at most {MAX_REDUNDANCY:g}",
            reason="bad_redundancy",
        )
    if not 0 <= lost <= len(sizes):
        raise BadInput(f"lost {lost!r}: there are {len(sizes)} files", reason="bad_lost")
    size = symbol or symbol_size(sum(sizes))
    counts = sorted((-(-each // size) for each in sizes), reverse=True)
    blocks = -(-sum(counts) // MAX_BLOCK)
    if blocks == 0:
        return Geometry(size, sizes, 0, 0)
    largest = -(-sum(counts) // blocks)
    # A run of n consecutive symbols costs a block at most ceil(n / blocks) of them.
    members = sum(-(-count // blocks) for count in counts[:lost])
    # The rounding takes a float such as 0.05 * 100 = 5.000000000000001 for what was meant.
    share = -int(-round(largest * redundancy, 6) // 1)
    return Geometry(size, sizes, blocks, members + share + SPARE)


def symbol_size(total: int) -> int:
    """Return the symbol size for so many bytes: a multiple of 64.

    >>> symbol_size(1), symbol_size(10**6), symbol_size(10**9)
    (256, 1984, 8192)
    """
    return max(MIN_SYMBOL, min(MAX_SYMBOL, -(-total // _WANTED // 64) * 64))


def group_symbols(geometry: Geometry, first: int, width: int) -> Array:
    """Return the symbols of ``width`` blocks from ``first``, row by row across the blocks."""
    rows = np.arange(0, geometry.symbols, geometry.blocks)[:, None]
    numbers = (rows + np.arange(first, first + width)).reshape(-1)
    return numbers[numbers < geometry.symbols]


def all_places(geometry: Geometry) -> Array:
    """Return member, offset and length of every symbol: int64, (symbols, 3)."""
    numbers, starts = np.arange(geometry.symbols), np.asarray(geometry.starts)
    member = np.searchsorted(starts, numbers, side="right") - 1
    offset = (numbers - starts[member]) * geometry.symbol
    length = np.minimum(geometry.symbol, np.asarray(geometry.sizes, np.int64)[member] - offset)
    return np.stack([member, offset, length], 1).astype(np.int64)
