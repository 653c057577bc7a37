"""Where storages lie: the tags that files have for devices, and how a storage gets back there.

Knows a list of (priority, tagger, deserializer), which users add to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from franken.core.device import device
from franken.faces.names import found
from franken.faces.settings import typename

_packages: list[tuple[int, Callable[[Any], Any], Callable[[Any, str], Any]]] = []


def register_package(
    priority: int, tagger: Callable[[Any], Any], deserializer: Callable[[Any, str], Any]
) -> None:
    """Add a kind of place, asked before those of a higher `priority`.

    tagger(storage) gives the tag of a storage that lies there, or None; deserializer(storage, tag)
    puts one there, or gives None if the tag is not its own.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: Any) -> str:
    """The tag of the place where a storage lies; RuntimeError without one."""
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag:
            return str(tag)
    raise RuntimeError("don't know how to determine data location of " + typename(storage))


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage where a tag says; RuntimeError for one that is not known."""
    for _, _, deserializer in _packages:
        restored = deserializer(storage, location)
        if restored is not None:
            return restored
    raise RuntimeError(
        f"don't know how to restore data location of {typename(storage)} (tagged with {location})"
    )


def restoring(map_location: Any) -> Callable[[Any, str], Any]:
    """What puts a storage in its place, as the `map_location` of `torch.load` says it."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda s, tag: default_restore_location(s, map_location.get(tag, tag))
    if isinstance(map_location, (str, bytes)):
        name = map_location if isinstance(map_location, str) else map_location.decode("ascii")
        return lambda s, _: default_restore_location(s, name)
    if isinstance(map_location, device):
        return lambda s, _: default_restore_location(s, str(map_location))

    def restore(storage: Any, tag: str) -> Any:
        restored = map_location(storage, tag)
        return default_restore_location(storage, tag) if restored is None else restored

    return restore


def validate_cuda_device(location: str) -> int:
    """The number of the GPU that a tag names; RuntimeError if there is no such GPU."""
    cuda = found("torch", "cuda")
    dev = device(location)
    number = 0 if dev.index is None else dev.index
    if not cuda.is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    count = cuda.device_count()
    if number >= count:
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {number} but "
            f"torch.cuda.device_count() is {count}. Please use torch.load with map_location to map "
            "your storages to an existing device."
        )
    return number


def validate_hpu_device(location: str) -> int:
    """There are no such devices: raises RuntimeError."""
    raise RuntimeError(
        "The HPU device module is not registered. If you are running on a CPU-only machine, please "
        "use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
    )


def _cpu_tag(storage: Any) -> str | None:
    return "cpu" if storage.device.type == "cpu" else None


def _cpu_restore(storage: Any, tag: str) -> Any:
    return storage if tag == "cpu" else None


def _cuda_tag(storage: Any) -> str | None:
    return str(storage.device) if storage.device.type == "cuda" else None


def _cuda_restore(storage: Any, tag: str) -> Any:
    if not re.match(r"cuda(:|[0-9]+|$)", tag):
        return None
    return storage.to(device=device("cuda", validate_cuda_device(tag)))


register_package(10, _cpu_tag, _cpu_restore)
register_package(20, _cuda_tag, _cuda_restore)
