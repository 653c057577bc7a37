"""torch.backends.cudnn: flags that programs set. cuDNN is not used, so they change nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False: cuDNN is not used."""
    return False


def version() -> None:
    """None: cuDNN is not used."""
    return None


def is_acceptable(tensor: object) -> bool:
    """False: cuDNN is not used."""
    return False


@contextlib.contextmanager
def flags(**values: bool) -> Iterator[None]:
    """Set flags for a block; they are put back whatever happens in it."""
    space = globals()
    before = {name: space[name] for name in values}
    space.update(values)
    try:
        yield
    finally:
        space.update(before)
