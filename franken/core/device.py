"""Devices: names, identity, the current device, and the guard that changes it.

Knows no array library: whether a device can be used is asked of `backends.registry`, lazily.
"""

from __future__ import annotations

import re
from typing import Any

from franken.backends import registry
from franken.core.state import STATE

_TYPES = ("cpu", "cuda", "meta")
_KNOWN = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, "
    "mps, meta, hpu, mtia, privateuseone"
)
_PATTERN = re.compile(r"([a-z_]+)(?::(0|[1-9]\d*))?\Z")


class DeviceMismatch(RuntimeError):
    """Tensors of one op live on different devices."""

    def __init__(self, op: str, first: object, second: object) -> None:
        if META in (first, second):
            super().__init__(f"Tensor on device {second} is not on the expected device {first}!")
            return
        super().__init__(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{first} and {second}! (in {op}; move one of them with .to())"
        )


_interned: dict[tuple[str, int | None], device] = {}


class device:
    """A device name such as `cpu` or `cuda:0`; also a guard: `with device("cuda:1"): ...`.

    >>> device("cuda:1").index
    1
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __new__(cls, type: Any = None, index: int | None = None) -> device:  # noqa: A002
        if isinstance(type, device):
            return type
        if isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type  # noqa: A001
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {_name(type)}")
        kind, number = _parse(type)
        if number is not None and index is not None:
            raise RuntimeError(
                "type (string) must not include an index because index was passed explicitly: "
                + type
            )
        return _intern(kind, number if index is None else index)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __repr__(self) -> str:
        tail = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{tail})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return (device, (self.type,) if self.index is None else (self.type, self.index))

    def __enter__(self) -> device:
        STATE.device.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        STATE.device.pop()


def _name(value: object) -> str:
    return value.__class__.__name__


def _parse(text: str) -> tuple[str, int | None]:
    found = _PATTERN.match(text)
    if not text:
        raise RuntimeError("Device string must not be empty")
    if not found:
        raise RuntimeError(f"Invalid device string: '{text}'")
    if found[1] not in _TYPES:
        raise RuntimeError(
            f"Expected one of {_KNOWN} device type at start of device string: {found[1]}"
        )
    return found[1], int(found[2]) if found[2] else None


def _intern(kind: str, index: int | None) -> device:
    key = (kind, index)
    made = _interned.get(key)
    if made is None:
        made = object.__new__(device)
        made.type, made.index = kind, index
        _interned[key] = made
    return made


CPU, META = device("cpu"), device("meta")
_default: device = CPU


def set_default(value: Any) -> None:
    """Set the device of tensors created without one (`torch.set_default_device`)."""
    global _default
    _default = CPU if value is None else device(value)


def resolve(value: Any) -> device:
    """The concrete device meant by a `device=` argument: cpu and meta have no index, cuda
    always one."""
    d = current() if value is None else device(value)
    if d.type == "cpu":
        return CPU
    if d.type == "meta":
        return META
    if d.type == "cuda" and d.index is None:
        return _intern("cuda", registry.current_cuda_index())
    return d


def current() -> device:
    """The innermost guard's device, else the default one."""
    return STATE.device[-1] if STATE.device else _default
