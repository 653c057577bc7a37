"""torch.random: seeding and saving the random streams.

Written by `python -m conformance stubs`: do not edit."""

from builtins import int as _int
from typing import Any

from franken.core.tensor import Tensor as _Tensor
from franken.ops.sampling.generator import Generator as _Generator

default_generator: _Generator

def fork_rng(*args: Any, **kwargs: Any) -> Any:
    """Run a block of draws, then put the random streams back."""

def get_rng_state() -> _Tensor:
    """The state of the CPU's stream as a tensor of bytes."""

def initial_seed() -> _int:
    """The seed of the CPU's stream."""

def manual_seed(seed: Any) -> _Generator:
    """Restart the random streams of all devices from `int(seed)`; returns the CPU's."""

def seed() -> _int:
    """Restart the random streams from entropy; returns the seed."""

def set_rng_state(new_state: Any) -> None:
    """Continue the CPU's stream from a state that `get_rng_state` gave."""
