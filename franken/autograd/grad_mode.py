"""Grad modes: no_grad, enable_grad, set_grad_enabled, inference_mode, multithreading switch.

Each is a context manager and a decorator (for functions and generator functions). Knows only the
per-thread state.
Source: https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from franken.core.op import NAMES
from franken.core.state import STATE, set_grad, special

_GENERATOR = 0x20  # CO_GENERATOR; `inspect` costs 5 ms of import time
F = TypeVar("F", bound=Callable[..., Any])


class ContextDecorator:
    """A context manager that, called with a function, runs that function inside of itself."""

    def clone(self) -> Any:
        """A fresh context with the same arguments."""
        return type(self)()

    def __call__(self, fn: Any) -> Any:
        if isinstance(fn, type):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You "
                "should only decorate functions or methods. To preserve the current behavior of "
                "class decoration, you can directly decorate the `__init__` method and nothing "
                "else.",
                FutureWarning,
                stacklevel=2,
            )
            fn.__init__ = self(fn.__init__)  # type: ignore[misc]
            return fn
        if getattr(fn, "__code__", None) is not None and fn.__code__.co_flags & _GENERATOR:
            return self._wrap_generator(fn)

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return fn(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, fn: Any) -> Any:
        """The mode holds while the generator runs, not while it is suspended."""

        @functools.wraps(fn)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return (yield from _Suspended(fn(*args, **kwargs), self))

        return wrapped

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError


class _Suspended:
    """A generator that runs inside of a mode whenever it runs: next, send, throw and close."""

    def __init__(self, generator: Any, mode: ContextDecorator) -> None:
        self.generator, self.mode = generator, mode

    def __iter__(self) -> _Suspended:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Resume with a value."""
        with self.mode.clone():
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        """Resume with an error."""
        with self.mode.clone():
            return self.generator.throw(*error)

    def close(self) -> None:
        """End the generator."""
        with self.mode.clone():
            self.generator.close()


class _NoParam(ContextDecorator):
    """Usable with and without parentheses as a decorator: `@no_grad` and `@no_grad()`."""

    enabled = False

    def __new__(cls, fn: Any = None) -> Any:
        self = super().__new__(cls)
        return self if fn is None else self(fn)

    def __enter__(self) -> None:
        self.before = set_grad(self.enabled)

    def __exit__(self, *exc: object) -> None:
        set_grad(self.before)


class no_grad(_NoParam):
    """Record nothing in this block."""


class enable_grad(_NoParam):
    """Record in this block, also inside of no_grad."""

    enabled = True


class set_grad_enabled(ContextDecorator):
    """Set the grad mode at once; as a context manager, restore it at the end."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.before = set_grad(self.mode)

    def __call__(self, fn: Any) -> Any:
        set_grad(self.before)
        return super().__call__(fn)

    def clone(self) -> set_grad_enabled:
        """A fresh context with the same mode."""
        return set_grad_enabled(self.mode)

    def __enter__(self) -> None:
        set_grad(self.mode)

    def __exit__(self, *exc: object) -> None:
        set_grad(self.before)


class inference_mode(ContextDecorator):
    """Like no_grad; tensors made inside can never take part in autograd."""

    mode: bool

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            self.mode = mode
            return self
        self.mode = True
        return self(mode)

    def __init__(self, mode: Any = True) -> None:
        pass

    def clone(self) -> Any:
        """A fresh context with the same mode."""
        return inference_mode(self.mode)

    def __enter__(self) -> None:
        self.before = set_grad(not self.mode)
        self.was = STATE.inference
        STATE.inference = self.mode
        if self.mode:
            special(1)

    def __exit__(self, *exc: object) -> None:
        set_grad(self.before)
        STATE.inference = self.was
        if self.mode:
            special(-1)


class set_multithreading_enabled(ContextDecorator):
    """A flag kept for compatibility: the engine runs in the calling thread, in one fixed order."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.before, STATE.multithreading = STATE.multithreading, mode

    def clone(self) -> Any:
        """A fresh context with the same mode."""
        return set_multithreading_enabled(self.mode)

    def __enter__(self) -> None:
        STATE.multithreading = self.mode

    def __exit__(self, *exc: object) -> None:
        STATE.multithreading = self.before


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` set in this thread."""
    return STATE.multithreading


def is_grad_enabled() -> bool:
    """Whether ops are being recorded in this thread."""
    return STATE.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return STATE.inference


for _public in (
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad,
    set_grad_enabled,
):  # fmt: skip
    NAMES.setdefault("torch", {})[_public.__name__] = _public

__all__ = [
    "ContextDecorator", "enable_grad", "inference_mode", "is_grad_enabled",
    "is_inference_mode_enabled", "is_multithreading_enabled", "no_grad", "set_grad_enabled",
    "set_multithreading_enabled",
]  # fmt: skip
