"""What kernels' source alone must show: no float atomics, and every access masked or argued.

A load or store has a `mask=` (or `boundary_check=`), or a comment `# in bounds: why` on its line
or the line above. Atomics are refused wherever they stand: on floats their order is not fixed.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

_ACCESS = ("load", "store")


def problems(function: Any) -> list[str]:
    """What is wrong with the source of one kernel or device function, a line each.

    function: the plain Python function under `@triton.jit`.
    """
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse("".join(lines))
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, at = node.func.attr, node.lineno
        where = f"{function.__module__.rsplit('.', 1)[-1]}.py:{first + at - 1}"
        if name.startswith("atomic_"):
            found.append(f"{where}: {function.__name__} uses {name}: its order is not fixed")
        if name in _ACCESS and _on_triton(node.func) and not _argued(node, lines):
            found.append(f"{where}: {function.__name__}: tl.{name} without mask or `# in bounds:`")
    return found


def _on_triton(attribute: ast.Attribute) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id == "tl"


def _argued(node: ast.Call, lines: list[str]) -> bool:
    if any(k.arg in ("mask", "boundary_check") for k in node.keywords):
        return True
    last = node.end_lineno or node.lineno
    near = lines[max(node.lineno - 2, 0) : last]
    return any("# in bounds:" in line for line in near)


def spans(function: Any) -> list[tuple[int, int]]:
    """First and last file line of each statement of a function, of a compound one its header."""
    lines, first = inspect.getsourcelines(function)
    definition = ast.parse("".join(lines)).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"{function!r} is not a plain function")
    found = []
    for statement in definition.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt):
                body = getattr(node, "body", None)
                last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
                found.append((first + node.lineno - 1, first + max(last, node.lineno) - 1))
    return found
