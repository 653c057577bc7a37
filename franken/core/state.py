"""Per-thread modes, and the one process-wide flag that guards the fast path.

Knows nothing of tensors or ops. `SPECIAL` counts the non-default conditions that are active in any
thread (a transform, a disabled grad mode, a recorder, a saved-tensor hook); while it is zero the
fast path in `bind.py` skips every other check. The price of a test on it is 3 ns, against 29 ns for
a thread-local, which is why modes are kept twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SPECIAL = 0
_lock = threading.Lock()


class _NoVersion(list[Any]):
    """The version counter of tensors made in inference mode: reading it means saving them."""

    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
            "inference mode in computation tracked by autograd. To work around this, you can make "
            "a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` "
            "instead of `torch.inference_mode()`."
        )


INFERENCE: list[Any] = _NoVersion()


class State(threading.local):
    """What can differ between threads: grad mode, inference mode, transform stack, observers."""

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        self.multithreading = True
        self.traces: list[Any] = []
        self.recorder: Any = None
        self.anomaly: Any = None
        self.saved_hooks: list[tuple[Any, Any]] = []
        self.saved_hooks_error: str | None = None
        self.device: list[Any] = []
        self.runs: list[Any] = []
        self.function_modes: list[Any] = []
        self.functions_off = 0  # see core.overriding.dispatch
        self.functions_skip = False


STATE = State()


class Fresh:
    """What memory holds that nobody has written: the process's two switches about it."""

    __slots__ = ("deterministic", "filled")

    def __init__(self) -> None:
        self.deterministic = False  # torch.use_deterministic_algorithms
        self.filled = True  # torch.utils.deterministic.fill_uninitialized_memory


FRESH = Fresh()


def special(delta: int) -> None:
    """Add `delta` to the count of active special conditions."""
    global SPECIAL
    with _lock:
        SPECIAL += delta


def set_grad(enabled: bool) -> bool:
    """Set this thread's grad mode; returns the former one."""
    before = STATE.grad
    if before is not enabled:
        STATE.grad = enabled
        special(-1 if enabled else 1)
    return before


def set_attribute(name: str, value: Any) -> Any:
    """Set one observer (recorder, anomaly); returns the former value."""
    before = getattr(STATE, name)
    setattr(STATE, name, value)
    special((value is not None) - (before is not None))
    return before


@contextmanager
def taken_over(modes: dict[str, Any]) -> Iterator[None]:
    """This thread, new, with the modes of another one that waits for it; no pass runs here yet.

    They stay counted in `SPECIAL` by the one that waits.
    """
    STATE.__dict__.update(modes, runs=[])
    try:
        yield
    finally:
        STATE.__init__()  # type: ignore[misc]


def saving_modes() -> tuple[list[Any], str | None]:
    """What this thread does with tensors that are saved, for `restore_saving`."""
    return STATE.saved_hooks[:], STATE.saved_hooks_error


def restore_saving(modes: tuple[list[Any], str | None]) -> None:
    """Undo what was entered or left since, by whoever it was."""
    hooks, STATE.saved_hooks_error = modes
    if hooks != STATE.saved_hooks:
        special(len(hooks) - len(STATE.saved_hooks))
        STATE.saved_hooks[:] = hooks


def push_trace(trace: Any) -> None:
    """Make `trace` the innermost transform of this thread."""
    STATE.traces.append(trace)
    special(1)


def pop_trace(trace: Any) -> None:
    """Remove `trace`, which must be the innermost one, whatever happened inside."""
    STATE.traces.remove(trace)
    special(-1)


def under(count: int, fn: Any, *args: Any) -> Any:
    """Call `fn` where only the `count` outermost transforms act."""
    traces = STATE.traces
    STATE.traces = traces[:count]
    try:
        return fn(*args)
    finally:
        STATE.traces = traces
