"""`Generator` as users see it, and the functions that seed and save the random streams.

Knows the two kinds of stream: the CPU's Mersenne Twister and a GPU's counters. States are tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from franken.backends.numpy.random import twister as rng
from franken.core.device import CPU, device, resolve
from franken.core.op import op
from franken.core.primitive import _wrap
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import NoSamples
from franken.ops.surface.args import kind_name


class Generator:
    """A stream of random numbers; on the CPU the same numbers as torch's for the same seed.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    __slots__ = ("__weakref__", "core", "device")

    def __init__(self, device: Any = "cpu") -> None:
        self.device: device = resolve(device)
        if self.device is CPU:
            self.core: Any = rng.Generator()
        else:
            from franken.backends import registry

            self.core = registry.new_generator(self.device)

    def manual_seed(self, seed: Any) -> Generator:
        """Restart the stream from `seed`."""
        self.core.manual_seed(seed)
        return self

    def seed(self) -> int:
        """Restart from entropy; returns the seed."""
        return int(self.core.seed())

    def initial_seed(self) -> int:
        """The seed of the last restart."""
        return int(self.core.initial_seed())

    def get_state(self) -> Tensor:
        """The state as a tensor of bytes."""
        return _wrap(np.array(self.core.get_state()), CPU)

    def set_state(self, new_state: Any) -> None:
        """Continue from a state that `get_state` gave."""
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {kind_name(new_state)}")
        self.core.set_state(np.ascontiguousarray(new_state.numpy()))  # type: ignore[attr-defined]

    def clone_state(self) -> Generator:
        """An independent generator that will draw the same numbers."""
        made = Generator(self.device)
        made.core.set_state(self.core.get_state())
        return made

    def get_offset(self) -> int:
        """The counter of a GPU's stream."""
        return int(self.core.get_offset())

    def set_offset(self, offset: int) -> None:
        """Place the counter of a GPU's stream."""
        self.core.set_offset(offset)

    def __reduce__(self) -> Any:
        offset = None if self.device is CPU else self.get_offset()
        return Generator, (self.device,), (self.initial_seed(), offset, self.get_state())

    def __setstate__(self, state: Any) -> None:
        seed, offset, stream = state
        self.manual_seed(seed)
        if offset is not None:
            self.set_offset(offset)
        self.set_state(stream)


def _default() -> Generator:
    made = object.__new__(Generator)
    made.core, made.device = rng.default_generator, CPU
    return made


default_generator = _default()


def core_of(name: str, generator: Any, dev: Any) -> Any:
    """The stream to draw from: the given one, or the device's default one."""
    if generator is not None:
        if not isinstance(generator, Generator):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got "
                f"(generator={kind_name(generator)}), but expected a torch.Generator"
            )
        if generator.device.type != dev.type:
            raise RuntimeError(
                f"Expected a '{dev.type}' device type for generator but found "
                f"'{generator.device.type}'"
            )
        return generator.core
    if dev is CPU:
        return rng.default_generator
    from franken.backends import registry

    return registry.default_generator(dev)


@op(
    at="torch random",
    method=False,
    samples=NoSamples(
        "sets or reads the generator's state; the result is no function of arguments"
    ),
)
def manual_seed(seed: Any) -> Generator:
    """Restart the random streams of all devices from `int(seed)`; returns the CPU's."""
    chosen = int(seed)
    rng.manual_seed(chosen)
    from franken.backends import registry

    registry.seed_all(chosen)
    return default_generator


@op(
    at="torch random",
    method=False,
    samples=NoSamples(
        "sets or reads the generator's state; the result is no function of arguments"
    ),
)
def seed() -> int:
    """Restart the random streams from entropy; returns the seed."""
    chosen = rng.default_generator.seed()
    from franken.backends import registry

    registry.seed_all(chosen)
    return chosen


@op(
    at="torch random",
    method=False,
    samples=NoSamples(
        "sets or reads the generator's state; the result is no function of arguments"
    ),
)
def initial_seed() -> int:
    """The seed of the CPU's stream."""
    return rng.default_generator.initial_seed()


@op(
    at="torch random",
    method=False,
    samples=NoSamples(
        "sets or reads the generator's state; the result is no function of arguments"
    ),
)
def get_rng_state() -> Tensor:
    """The state of the CPU's stream as a tensor of bytes."""
    return default_generator.get_state()


@op(
    at="torch random",
    method=False,
    samples=NoSamples(
        "sets or reads the generator's state; the result is no function of arguments"
    ),
)
def set_rng_state(new_state: Any) -> None:
    """Continue the CPU's stream from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextmanager
def _fork_rng(
    devices: Any = None, enabled: bool = True, _caller: str = "fork_rng",
    _devices_kw: str = "devices", device_type: str = "cuda",
) -> Iterator[None]:  # fmt: skip
    if not enabled:
        yield
        return
    from franken.backends import registry

    saved = [(g, g.get_state()) for g in registry.live_generators(devices)]
    with rng.fork():
        try:
            yield
        finally:
            for g, state in saved:
                g.set_state(state)


@op(
    at="random",
    method=False,
    samples=NoSamples(
        "sets or reads the generator's state; the result is no function of arguments"
    ),
)
def fork_rng(*args: Any, **kwargs: Any) -> Any:
    """Run a block of draws, then put the random streams back."""
    return _fork_rng(*args, **kwargs)
