"""Find symbols that are not at their place because bytes were inserted or deleted before them.

A shift that was found is carried on to the symbols that follow, so an insertion costs only the
symbols that it touches. A symbol is looked for by its first bytes, and its CRC decides. Searches
are bounded in number and in reach. Knows bytes, CRCs and offsets.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np

from .table import Array

# How far around the place where a symbol is expected, in bytes either way. A lone missing symbol
# was not moved, its neighbours would be missing, too; so searches begin with the second of a run:
# near ones for some, far ones for the second, fourth, eighth ... of those that are not found.
_NEAR: Final = 32 << 10
_FAR: Final = 8 << 20
_CANDIDATES: Final = 16
_KNOWN_SHIFTS: Final = 8
_EVERY: Final = 16
_NEAR_SEARCHES: Final = 100_000
_FAR_SEARCHES: Final = 256


class Finder:
    """Looks for the symbols of one member in an open file of ``actual`` bytes.

    ``crcs`` and ``signatures`` are the member's own; ``size`` is its protected size.
    """

    def __init__(
        self, descriptor: int, actual: int, size: int, symbol: int, crcs: Array, signatures: Array
    ) -> None:
        self._descriptor, self._actual, self._size, self._symbol = descriptor, actual, size, symbol
        self._crcs, self._signatures = crcs, signatures
        # A single insertion or deletion shifts by what the file grew or shrank.
        self._shifts = [actual - size] if actual != size else []
        self._near, self._far = _NEAR_SEARCHES, _FAR_SEARCHES

    def find(self, missing: list[int]) -> dict[int, int]:
        """Return the offsets of those ``missing`` symbols, in ascending order, that are found."""
        found: dict[int, int] = {}
        run, previous = 0, -2
        for number in missing:
            run = run + 1 if number == previous + 1 and previous not in found else 0
            previous = number
            offset = self._known(number)
            if offset is None and run:
                offset = self._search(number, run)
            if offset is not None:
                found[number] = offset
                self._remember(offset - number * self._symbol)
        # Those before the one that showed the shift.
        for number in missing if found else ():
            if number not in found and (offset := self._known(number)) is not None:
                found[number] = offset
        return found

    def _remember(self, shift: int) -> None:
        if self._shifts[:1] != [shift]:
            others = [each for each in self._shifts if each != shift]
            self._shifts = [shift, *others[: _KNOWN_SHIFTS - 1]]

    def _length(self, number: int) -> int:
        return min(self._symbol, self._size - number * self._symbol)

    def _known(self, number: int) -> int | None:
        for shift in self._shifts:
            offset = number * self._symbol + shift
            if 0 <= offset < self._actual and self._is(number, offset):
                return offset
        return None

    def _is(self, number: int, offset: int) -> bool:
        data = os.pread(self._descriptor, self._length(number), offset)
        if len(data) < self._length(number):
            return False
        return zlib.crc32(data.ljust(self._symbol, b"\0")) == int(self._crcs[number])

    def _search(self, number: int, run: int) -> int | None:
        expected = number * self._symbol + (self._shifts[0] if self._shifts else 0)
        doubled = run & (run - 1) == 0
        offset = None
        if (doubled or run % _EVERY == 0) and self._near > 0:
            self._near -= 1
            offset = self._window(number, expected - _NEAR, expected + _NEAR + self._symbol)
        if offset is None and doubled and self._far > 0:
            self._far -= 1
            offset = self._window(number, expected - _FAR, expected + _FAR)
        return offset

    def _window(self, number: int, begin: int, end: int) -> int | None:
        begin, end = max(0, begin), min(self._actual, end)
        if begin >= end:
            return None
        data = os.pread(self._descriptor, end - begin, begin)
        for at in self._candidates(data, number):
            if self._is(number, begin + at):
                return begin + at
        return None

    def _candidates(self, data: bytes, number: int) -> Iterator[int]:
        signature = self._signatures[number].tobytes()[: self._length(number)]
        at = -1
        for _ in range(_CANDIDATES):
            at = data.find(signature, at + 1)
            if at < 0:
                return
            yield at


def find_moved(
    path: str, actual: int, size: int, symbol: int, crcs: Array, signatures: Array, missing: Array
) -> dict[int, int]:
    """Return the offsets at which symbols ``missing`` at their place were found in ``path``."""
    if not len(missing):
        return {}
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        finder = Finder(descriptor, actual, size, symbol, crcs, signatures)
        return finder.find(np.sort(missing).tolist())
    finally:
        os.close(descriptor)
