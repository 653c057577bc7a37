"""Source positions: where in the user's program an op was called.

Knows only Python frames. A position is kept as `(code, lasti)`, two references that cost about
0.1 us to take and keep no frame (hence no local variable) alive; the line is decoded when asked.
"""

from __future__ import annotations

import os
import sys
from types import CodeType
from typing import Any

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
PROGRAMS = os.path.join(PACKAGE, "cli") + os.sep
_internal: dict[str, bool] = {}
_getframe = sys._getframe

Position = tuple[CodeType, int]


def here(depth: int = 1) -> Position | None:
    """Position of the nearest caller outside this package."""
    f: Any = _getframe(depth)
    while f is not None:
        code = f.f_code
        name = code.co_filename
        inside = _internal.get(name)
        if inside is None:
            inside = _internal[name] = is_internal(name)
        if not inside:
            return code, f.f_lasti
        f = f.f_back
    return None


def is_internal(filename: str) -> bool:
    """Whether a source file is part of this package."""
    # The command line's own training program is a user of the package like any other.
    return filename.startswith(PACKAGE) and not filename.startswith(PROGRAMS)


def line(pos: Position | None) -> int:
    """Line number of a position (0 when unknown)."""
    if pos is None:
        return 0
    code, lasti = pos
    for start, end, lineno in code.co_lines():
        if start <= lasti < end and lineno is not None:
            return lineno
    return code.co_firstlineno


def describe(pos: Position | None) -> str:
    """`file.py:12 in function` for a position.

    >>> describe(None)
    '<unknown>'
    """
    if pos is None:
        return "<unknown>"
    name = pos[0].co_filename
    shown = os.path.basename(name) if os.path.isabs(name) else name
    return f"{shown}:{line(pos)} in {pos[0].co_name}"
