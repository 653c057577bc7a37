"""A GPU's random stream: a seed and a counter, from which every element's number follows.

Knows no array and no distribution: the same words can be drawn on any device, in any order.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

DEFAULT_SEED = 67280421310721


class CounterGenerator:
    """A seed and the offset of the next draw.

    >>> stream = CounterGenerator(0)
    >>> stream.take(), stream.take()
    ((67280421310721, 0), (67280421310721, 1))
    """

    __slots__ = ("_offset", "_seed", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self._seed, self._offset = DEFAULT_SEED, 0

    def take(self) -> tuple[int, int]:
        """(seed, offset) of one draw; the next one gets another offset."""
        taken = self._seed, self._offset
        self._offset += 1
        return taken

    def manual_seed(self, seed: Any) -> CounterGenerator:
        """Restart from `seed`."""
        self._seed, self._offset = int(seed) % 2**64, 0
        return self

    def seed(self) -> int:
        """Restart from entropy; returns the seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed of the last restart."""
        return self._seed

    def get_state(self) -> Any:
        """Seed and offset as 16 bytes."""
        return np.array([self._seed, self._offset], "<u8").view(np.uint8)

    def set_state(self, state: Any) -> CounterGenerator:
        """Continue from what `get_state` gave."""
        if state.dtype != np.uint8 or state.size != 16:
            raise RuntimeError(f"RNG state is wrong size: expected 16 bytes, got {state.size}")
        self._seed, self._offset = (int(v) for v in state.view("<u8"))
        return self

    def get_offset(self) -> int:
        """The offset of the next draw."""
        return self._offset

    def set_offset(self, offset: int) -> CounterGenerator:
        """Set the offset of the next draw."""
        self._offset = int(offset)
        return self
