"""torch.cpu: the processor as a device, with streams that are all the same one."""

from __future__ import annotations

import contextlib
import platform
from typing import Any

__all__ = [
    "Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count",
    "get_capabilities", "is_available", "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


class Stream:
    """What ops run in: all in one, in their order."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing: it has run."""

    def record_event(self) -> None:
        """Nothing: it has run."""

    def wait_event(self, event: Any) -> None:
        """Nothing: it has happened."""


class Event:
    """A moment in a stream: past as soon as it is recorded."""

    def query(self) -> bool:
        """True: it has happened."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing: it has happened."""

    wait = record

    def synchronize(self) -> None:
        """Nothing: it has happened."""


class StreamContext(contextlib.nullcontext[Any]):
    """A block whose ops run in a stream."""


_current = Stream()


def is_available() -> bool:
    """True: there is always a processor."""
    return True


is_initialized = is_available


def synchronize(device: Any = None) -> None:
    """Nothing: ops have run when they return."""


set_device = synchronize


def current_stream(device: Any = None) -> Stream:
    """The one stream."""
    return _current


def stream(stream: Stream) -> StreamContext:
    """A block whose ops run in a stream."""
    return StreamContext(stream)


def device_count() -> int:
    """1: the processor."""
    return 1


def current_device() -> str:
    """Its name, which is cpu."""
    return "cpu"


def get_capabilities() -> dict[str, Any]:
    """What is known of the processor without asking it: its architecture."""
    return {"architecture": platform.machine()}
