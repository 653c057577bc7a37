"""Work on another thread while this one waits: for what needs a stack of its own.

Knows what belongs to a thread: its modes, context variables, GPU and stream.
"""

from __future__ import annotations

import contextvars
from typing import Any

from franken.backends import registry
from franken.core.state import STATE, taken_over


def elsewhere(fn: Any, *args: Any) -> Any:
    """Call `fn` on a new thread as it would be called here; what it raises is raised here."""
    from concurrent.futures import ThreadPoolExecutor  # rare, and 3 ms of every import

    context, modes, gpu = contextvars.copy_context(), dict(STATE.__dict__), registry.carried()

    def task() -> Any:
        with taken_over(modes), gpu:
            return fn(*args)

    with ThreadPoolExecutor(1) as other:
        return other.submit(context.run, task).result()
