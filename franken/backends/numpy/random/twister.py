"""The CPU random stream: a Mersenne Twister whose words, state bytes and seeding equal torch's.

It knows generators (seed, state, words, uniform words to floats) and nothing of distributions,
tensors or other devices; samplers live in `rng_distributions`. The twister is Matsumoto and
Nishimura, "Mersenne Twister" (ACM TOMACS 8, 1998), run in bulk by NumPy's own MT19937.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

if TYPE_CHECKING:
    from numpy.random import MT19937, RandomState
    from numpy.random import Generator as NumpyGenerator
    from numpy.typing import NDArray

DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056
_WORDS = 624

# Little-endian layout of torch.Generator.get_state() for CPU, found by inspection of its bytes.
# `left` words remain before the next twist (counted from 1), `next` is the read position, and
# the second value of a scalar Box-Muller pair waits in `normal` while `has_normal` is set.
_STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "key", "normal", "has_normal", "tail"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS), "<f8", "<i4", "<u8"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048],
        "itemsize": STATE_BYTES,
    }
)


def wrap_seed(seed: int) -> int:
    """Map a seed of [-2**63, 2**64) onto 64 unsigned bits, as torch does.

    >>> wrap_seed(-1) == 2**64 - 1
    True
    """
    if not -(2**63) <= seed < 2**64:
        raise ValueError("Overflow when unpacking long long")
    return seed % 2**64


class Generator:
    """Draw torch's CPU random words from a seed; every method is safe to call from any thread.

    >>> Generator().manual_seed(0).words(2).tolist()
    [2357136044, 2546248239]
    """

    __slots__ = (
        "_bits", "_fast", "_legacy", "_next_at_twist", "_seed", "_tail", "device", "lock",
        "next_normal",
    )  # fmt: skip

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise RuntimeError(f"Generator: expected device 'cpu', got {device!r}")
        self.device = device
        self.lock = threading.RLock()
        self._bits: MT19937 | None = None  # numpy.random is imported at the first draw (15 ms)
        self._fast: NumpyGenerator | None = None
        self._legacy: RandomState | None = None
        self._restart(DEFAULT_SEED)

    def _restart(self, seed: int) -> None:
        self._seed = seed
        self._next_at_twist = 0  # torch shows `next` 0 after seeding and 624 after a full block
        self._tail = 0
        self.next_normal: float | None = None
        if self._legacy is not None:
            self._legacy.seed(seed & 0xFFFFFFFF)

    def _twister(self) -> MT19937:
        if self._bits is None:
            from numpy.random import MT19937, RandomState
            from numpy.random import Generator as NumpyGenerator

            self._bits = MT19937(0)
            self._fast = NumpyGenerator(self._bits)
            self._legacy = RandomState(self._bits)
            self._legacy.seed(self._seed & 0xFFFFFFFF)  # init_genrand: torch's 32-bit seeding
        return self._bits

    def manual_seed(self, seed: SupportsIndex) -> Generator:
        """Restart the stream from `seed` (its low 32 bits choose it) and return the generator.

        >>> Generator().manual_seed(-1).initial_seed() == 2**64 - 1
        True
        """
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            kind = type(seed).__name__
            raise RuntimeError(f"manual_seed expected a long, but got {kind}")
        wrapped = wrap_seed(operator.index(seed))
        with self.lock:
            self._restart(wrapped)
        return self

    def seed(self) -> int:
        """Restart from operating-system entropy and return the 64-bit seed chosen."""
        chosen = int.from_bytes(os.urandom(8), "little")
        with self.lock:
            self._restart(chosen)
        return chosen

    def initial_seed(self) -> int:
        """Return the seed of the last restart.

        >>> Generator().initial_seed()
        67280421310721
        """
        return self._seed

    def words(self, n: int) -> NDArray[np.uint32]:
        """Draw the next `n` 32-bit words."""
        with self.lock:
            self._twister()
            assert self._fast is not None
            if n:
                self._next_at_twist = _WORDS
            # A full-range draw hands over the raw words; 3x quicker than random_raw + cast.
            return self._fast.integers(0, 2**32, size=n, dtype=np.uint32)

    def words64(self, n: int) -> NDArray[np.uint64]:
        """Draw `n` 64-bit words, the first of each pair of 32-bit words being the high half."""
        with self.lock:
            self._twister()
            assert self._fast is not None
            if n:
                self._next_at_twist = _WORDS
            return self._fast.integers(0, 2**64, size=n, dtype=np.uint64)

    def floats(self, n: int) -> NDArray[np.float32]:
        """Draw `n` float32 of [0, 1): the low 24 bits of a word each."""
        low = self.words(n)
        low &= np.uint32(0xFFFFFF)
        # int32 converts with one vector instruction, uint32 with several
        return low.view(np.int32).astype(np.float32) * np.float32(2.0**-24)

    def doubles(self, n: int) -> NDArray[np.float64]:
        """Draw `n` float64 of [0, 1): the low 53 bits of a 64-bit word each."""
        low = self.words64(n)
        low &= np.uint64(2**53 - 1)
        out = low.view(np.int64).astype(np.float64)
        out *= 2.0**-53
        return out

    def get_state(self) -> NDArray[np.uint8]:
        """Return the state as torch's 5056 bytes.

        >>> Generator().get_state().shape
        (5056,)
        """
        with self.lock:
            inner: Any = self._twister().state["state"]
            record = np.zeros((), _STATE)
            position = int(inner["pos"])
            record["seed"] = self._seed
            record["left"] = _WORDS + 1 - position
            record["seeded"] = 1
            record["next"] = self._next_at_twist if position == _WORDS else position
            record["key"] = inner["key"]
            record["normal"] = 0.0 if self.next_normal is None else self.next_normal
            record["has_normal"] = self.next_normal is not None
            record["tail"] = self._tail
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, state: NDArray[np.uint8]) -> Generator:
        """Continue from bytes that `get_state`, here or in torch, has written."""
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input "
                f"RNG state size to be {state.size}"
            )
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        left, position = int(record["left"]), int(record["next"])
        # Torch also accepts `next` values that disagree with `left`; no stream can reach them.
        coherent = position == _WORDS + 1 - left or (left == 1 and position <= _WORDS)
        if record["seeded"] != 1 or not 1 <= left <= _WORDS or not coherent:
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            self._seed = int(record["seed"])
            self._next_at_twist = position
            self._tail = int(record["tail"])
            self.next_normal = float(record["normal"]) if record["has_normal"] else None
            self._place(record["key"].astype(np.uint32), _WORDS + 1 - left)
        return self

    def _place(self, key: NDArray[np.uint32], position: int) -> None:
        inner: Any = {"key": key, "pos": position}
        self._twister().state = {"bit_generator": "MT19937", "state": inner}

    def clone_state(self) -> Generator:
        """Return an independent generator that will draw the same words."""
        return Generator(self.device).set_state(self.get_state())

    def get_offset(self) -> int:
        """Refuse, as torch does: only counter-based generators have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> Generator:
        """Refuse, as torch does: only counter-based generators have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    @contextmanager
    def speculate(self) -> Iterator[Speculation]:
        """Lend a reader that draws ahead, and leave the stream where the reader stopped."""
        with self.lock:
            inner: Any = self._twister().state["state"]
            boundary = self._next_at_twist
            reader = Speculation(self)
            try:
                yield reader
            finally:
                self._place(inner["key"], inner["pos"])
                self._next_at_twist = boundary
                self.words(2 * reader.used)


class Speculation:
    """Hand out uniform doubles one at a time for samplers whose appetite depends on the data."""

    __slots__ = ("_block", "_generator", "_read", "used")

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._block: list[float] = []
        self._read = 0
        self.used = 0

    def uniform(self) -> float:
        """Return the next double of [0, 1)."""
        if self._read == len(self._block):
            size = min(65536, max(64, 2 * len(self._block)))
            self._block = self._generator.doubles(size).tolist()
            self._read = 0
        value = self._block[self._read]
        self._read += 1
        self.used += 1
        return value


default_generator = Generator()


def manual_seed(seed: SupportsIndex) -> Generator:
    """Restart the default generator from `int(seed)` and return it.

    >>> manual_seed(3).initial_seed()
    3
    """
    return default_generator.manual_seed(int(seed))


@contextmanager
def fork(generator: Generator | None = None) -> Iterator[Generator]:
    """Run a block of draws, then put the generator (default: the global one) back.

    >>> generator = Generator()
    >>> with fork(generator):
    ...     inside = generator.words(3)
    >>> bool((generator.words(3) == inside).all())
    True
    """
    chosen = default_generator if generator is None else generator
    saved = chosen.get_state()
    try:
        yield chosen
    finally:
        chosen.set_state(saved)
