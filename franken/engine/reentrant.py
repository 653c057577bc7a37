"""Passes within passes: a user's backward may itself run backward, and so on.

Each takes its share of the interpreter's stack. So one that is deep inside of others goes to a
thread of its own, which has a stack of its own, while the thread that asked waits. Knows what
belongs to a thread: its modes, context variables, GPU and stream.
"""

from __future__ import annotations

import contextvars
import threading
from typing import Any

from franken.backends import registry
from franken.core.state import STATE, taken_over

# As many passes of one thread may be inside of each other; torch has the same number.
MAX_DEPTH = 60


def bounded(fn: Any, *args: Any) -> Any:
    """Call `fn`, which runs a pass, here or where there is room for it."""
    if len(STATE.runs) < MAX_DEPTH:
        return fn(*args)
    answer: list[Any] = []
    context, modes, gpu = contextvars.copy_context(), dict(STATE.__dict__), registry.carried()

    def task() -> None:
        try:
            with taken_over(modes), gpu:
                answer.extend((fn(*args), None))
        except BaseException as error:  # of the user's program, for the thread that waits
            answer.extend((None, error))

    thread = threading.Thread(target=context.run, args=(task,))
    thread.start()
    thread.join()
    result, error = answer
    if error is not None:
        raise error
    return result
