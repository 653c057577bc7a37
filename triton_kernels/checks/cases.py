"""What a kernel library entry declares: its reference, its samples, how close it must come.

`@op` stands on each public launcher; the checks read the registry that it fills. Samples are
built from a seed, so that a fresh seed gives fresh data, or from shapes alone for compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from ..launching.arrays import BFLOAT16

DTYPES = {
    "f16": np.dtype(np.float16), "bf16": BFLOAT16, "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64), "i8": np.dtype(np.int8), "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32), "i64": np.dtype(np.int64), "u8": np.dtype(np.uint8),
    "u32": np.dtype(np.uint32), "u64": np.dtype(np.uint64), "bool": np.dtype(np.bool_),
    "f8": np.dtype(ml_dtypes.float8_e4m3fn),
}  # fmt: skip


class Maker:
    """Makes a sample's arrays: random values, or (`shapes_only`) untouched memory of that shape."""

    def __init__(self, seed: int, shapes_only: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.shapes_only = shapes_only

    def normal(self, shape: Any, dtype: str = "f32", scale: float = 1.0) -> np.ndarray:
        """Normal values of the given deviation, rounded to `dtype`."""
        if self.shapes_only:
            return np.empty(shape, DTYPES[dtype])
        return np.asarray(self.rng.standard_normal(shape) * scale).astype(DTYPES[dtype])

    def uniform(
        self, shape: Any, dtype: str = "f32", low: float = 0.0, high: float = 1.0
    ) -> np.ndarray:
        """Uniform values in [low, high)."""
        if self.shapes_only:
            return np.empty(shape, DTYPES[dtype])
        return np.asarray(self.rng.uniform(low, high, shape)).astype(DTYPES[dtype])

    def integers(self, shape: Any, high: int, dtype: str = "i64", low: int = 0) -> np.ndarray:
        """Integers in [low, high)."""
        if self.shapes_only:
            return np.empty(shape, DTYPES[dtype])
        return np.asarray(self.rng.integers(low, high, shape)).astype(DTYPES[dtype])

    def bools(self, shape: Any, chance: float = 0.5) -> np.ndarray:
        """True with the given probability."""
        if self.shapes_only:
            return np.empty(shape, np.bool_)
        return np.asarray(self.rng.random(shape) < chance)

    def strided(self, a: np.ndarray) -> np.ndarray:
        """The same values in memory that is not contiguous: every second element of each axis."""
        wide = np.zeros([2 * n for n in a.shape], a.dtype)
        view = wide[(slice(None, None, 2),) * a.ndim]
        if not self.shapes_only:
            view[...] = a
        return view

    def far(self, a: np.ndarray, axis: int = 0) -> np.ndarray:
        """The same values (2 or more along `axis`) where offsets along `axis` pass 32 bits.

        The memory between is never touched. a: of at most 2 bytes an element, for its sake.
        """
        moved = np.moveaxis(a, axis, 0)
        step = -(-(2**31) // (len(moved) - 1))
        memory = np.zeros(step * (len(moved) - 1) + moved[0].size, a.dtype)
        inner = np.empty(moved.shape[1:], a.dtype).strides
        view = np.lib.stride_tricks.as_strided(memory, moved.shape, (step * a.itemsize, *inner))
        if not self.shapes_only:
            view[...] = moved
        return np.moveaxis(view, 0, axis)


@dataclass(frozen=True, slots=True)
class Case:
    """One sample of an op.

    build: Maker -> positional arguments. keywords: the rest. arch: the architecture whose
    configurations it takes. big: compiled only, never interpreted. ulps: overrides the op's.
    refuses: the exception type that the call must raise instead of giving a result.
    """

    name: str
    build: Callable[[Maker], tuple[Any, ...]]
    keywords: dict[str, Any] = field(default_factory=dict)
    arch: int = 80
    big: bool = False
    ulps: float | None = None
    refuses: type[Exception] | None = None


@dataclass(frozen=True, slots=True)
class Op:
    """An entry of the library: launcher, float64 reference, samples and accuracy.

    ulps: largest distance from the reference in units in the last place of the result's dtype, at
    the larger of the value's own magnitude and `floor` times the result's root mean square. Twice
    that in float64, in which the reference itself rounds.
    mutates: positions of arguments that the call writes, when it returns them.
    widen: whether the reference takes floating arrays in float64, or as they are.
    """

    name: str
    family: str
    call: Callable[..., Any]
    reference: Callable[..., Any]
    samples: Callable[[], Iterable[Case]]
    ulps: float
    floor: float
    mutates: tuple[int, ...]
    widen: bool

    def allowed(self, case: Case, result: np.ndarray) -> float:
        """Return how far a sample's result may be from its reference, in ulps."""
        if case.ulps is not None:
            return case.ulps
        return self.ulps * (2 if result.dtype == np.float64 else 1)

    def cases(self) -> list[Case]:
        """All samples, names unique."""
        found = list(self.samples())
        names = [c.name for c in found]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"{self.name}: samples of one name: {sorted(twice)}")
        return found


OPS: dict[str, Op] = {}
KERNELS: dict[str, KernelInfo] = {}


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """A kernel as the checks see it.

    hot: compiled without register spills. wgmma: Hopper's warp-group products must be seen in it.
    """

    kernel: Any
    source: str
    hot: bool
    wgmma: bool


def kernel(*, source: str, hot: bool = False, wgmma: bool = False) -> Callable[[Any], Any]:
    """Register a `@triton.jit` kernel. source: the paper or documentation of the method."""

    def register(jitted: Any) -> Any:
        name = jitted.fn.__name__
        if name in KERNELS:
            raise ValueError(f"two kernels named {name}")
        KERNELS[name] = KernelInfo(jitted, source, hot, wgmma)
        return jitted

    return register


def op(
    *, reference: Callable[..., Any], cases: Callable[[], Iterable[Case]], ulps: float = 1.0,
    floor: float = 1.0, mutates: tuple[int, ...] = (),
    widen: bool = True,
) -> Callable[[Any], Any]:  # fmt: skip
    """Register a launcher with its float64 reference and its samples.

    reference takes the launcher's arguments (floating arrays widened to float64) and returns what
    it returns; cases is a function that yields `Case`s.
    """

    def register(call: Any) -> Any:
        family = call.__module__.rsplit(".", 1)[-1]
        if call.__name__ in OPS:
            raise ValueError(f"two ops named {call.__name__}")
        OPS[call.__name__] = Op(
            call.__name__, family, call, reference, cases, ulps, floor, mutates, widen
        )
        return call

    return register
