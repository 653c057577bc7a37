"""Flags of torch.backends: kept, checked when they are set, and put back after a block.

Knows how a module gets flags, not which there are. The two switches that decide something here
(`mkldnn.enabled`: how volumes lie in memory) are read where they count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_frozen = False


def disable_global_flags() -> None:
    """Refuse from now on to set flags but by `flags`."""
    global _frozen
    _frozen = True


def flags_frozen() -> bool:
    """Whether flags are set by `flags` alone."""
    return _frozen


class Flag:
    """A boolean of a module; `setter` is torch's name of what sets it."""

    def __init__(self, value: Any, setter: str) -> None:
        self.value, self.setter = value, setter

    def __get__(self, module: Any, owner: Any = None) -> Any:
        return self if module is None else self.read()

    def __set__(self, module: Any, value: Any) -> None:
        if _frozen:
            name = module.__name__.replace("franken", "torch", 1)
            raise RuntimeError(
                f"not allowed to set {name} flags after disable_global_flags; please use flags() "
                "context manager instead"
            )
        self.put(value)

    def read(self) -> Any:
        """The value."""
        return self.value

    def put(self, value: Any) -> None:
        """Check and keep a value."""
        if type(value) is not bool:
            raise RuntimeError(f"{self.setter} expects a bool, but got {type(value).__name__}")
        self.value = value


class Choice(Flag):
    """One of several words."""

    def __init__(self, value: str, setter: str, what: str, words: tuple[str, ...]) -> None:
        super().__init__(value, setter)
        self.what, self.words = what, words

    def put(self, value: Any) -> None:
        """Check and keep a word."""
        if not isinstance(value, str):
            raise RuntimeError(f"{self.setter} expects a string, but got {type(value).__name__}")
        if value not in self.words:
            raise RuntimeError(
                f"Unknown {self.what}: {value}. Expected one of: {', '.join(self.words)}"
            )
        self.value = value


class Precision(Flag):
    """How products of float32 may be computed; "none" asks the next wider one: op, backend, all.

    Products here are of float32 itself, whatever it says.
    """

    def __init__(self, backend: str, op: str, wider: Precision | None, value: str = "none") -> None:
        super().__init__(value, "_set_fp32_precision_setter")
        self.backend, self.op, self.wider = backend, op, wider

    def read(self) -> Any:
        """Its own word, or that of the next wider one, if the backend knows it."""
        if self.value != "none" or self.wider is None:
            return self.value
        found = self.wider.read()
        return "none" if self.backend == "cuda" and found == "bf16" else found

    def put(self, value: Any) -> None:
        """Check and keep a word."""
        if not isinstance(value, str):
            raise TypeError(
                f"{self.setter}(): incompatible function arguments. The following argument types "
                "are supported:\n    1. (arg0: str, arg1: str, arg2: str) -> str\n\nInvoked with: "
                f"{self.backend!r}, {self.op!r}, {value!r}"
            )
        if value not in ("none", "ieee", "tf32", "bf16"):
            raise RuntimeError(f"Unknown precision: {value}")
        if self.backend == "cuda" and value == "bf16":
            raise RuntimeError("backend 'cuda' does not support precision 'bf16'")
        self.value = value


class OfOp:
    """The precision of one op of a backend, as an attribute."""

    def __init__(self, flag: Precision) -> None:
        object.__setattr__(self, "_flag", flag)

    def __getattr__(self, name: str) -> Any:
        if name == "fp32_precision":
            return object.__getattribute__(self, "_flag").read()
        raise AttributeError(f"Unknown attribute {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "fp32_precision":
            raise AttributeError(f"Unknown attribute {name}")
        object.__getattribute__(self, "_flag").put(value)


def declare(name: str, **flags: Flag) -> None:
    """Give a module flags as attributes.

    >>> import franken as torch
    >>> torch.backends.mkldnn.enabled
    True
    """
    sys.modules[name].__class__ = type("FlagModule", (ModuleType,), dict(flags))


def put(name: str, **values: Any) -> tuple[Any, ...]:
    """Set the flags that are not None; all values as they were."""
    module = sys.modules[name]
    before = tuple([getattr(module, flag) for flag in values])
    for flag, value in values.items():
        if value is not None:
            vars(type(module))[flag].put(value)
    return before


@contextmanager
def kept(name: str, **values: Any) -> Iterator[None]:
    """Set flags for a block; they are put back whatever happens in it."""
    before = put(name, **values)
    try:
        yield
    finally:
        put(name, **dict(zip(values, before, strict=True)))


GENERIC = Precision("generic", "all", None)
