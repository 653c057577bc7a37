"""A random sample of mutants of the package: which file, which operator of cosmic-ray, which place.

Knows Python's syntax and cosmic-ray's operators; runs nothing. What nobody executes, or only the
checks, is left out by rule (`_bare`): mutants that differ in nothing else are none.
"""

from __future__ import annotations

import ast
import difflib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cosmic_ray import mutating, plugins

# A kernel's faults are found by the kernel checks, the digits' by nobody.
LEFT_OUT = ("franken/triton_kernels/", "franken/data/")
_TRIES = 40  # operators for one draw of a file
_MISSES = 60  # draws that give nothing new
_NOTHING = ast.arguments([], [], None, [], [], None, [])


class Mutant(NamedTuple):
    """One planted fault."""

    path: str  # below the root
    line: int
    places: tuple[tuple[int, ...], ...]  # lines of which one must be executed, by preference
    head: bool  # of a function: its names and defaults
    operator: str
    before: str
    after: str
    code: str  # of the whole file


def sample(root: Path, count: int, seed: int, only: str = "") -> Iterator[Mutant]:
    """`count` mutants of the package below `root` (fewer if there are no more).

    Files are drawn by their length.
    """
    draw = random.Random(seed)
    files = [p for p in sorted((root / "franken").rglob("*.py")) if _wanted(root, p, only)]
    weights = [len(p.read_text(encoding="utf-8").splitlines()) for p in files]
    groups = _groups()
    found: set[tuple[str, str]] = set()
    misses = 0
    while len(found) < count and misses < _MISSES:
        path = draw.choices(files, weights)[0]
        made = _mutant(root, path, groups, draw)
        if made is None or (made.path, made.code) in found:
            misses += 1
        else:
            misses = 0
            found.add((made.path, made.code))
            yield made


def _wanted(root: Path, path: Path, only: str) -> bool:
    name = path.relative_to(root).as_posix()
    return not name.startswith(LEFT_OUT) and re.search(only, name) is not None


def _groups() -> list[list[str]]:
    """Operators by kind, so that the many pairs of arithmetic signs do not crowd out the rest."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(plugins.operator_names()):
        if "Variable" not in name:  # these need settings of their own
            kinds.setdefault(name.partition("_")[0], []).append(name)
    return list(kinds.values())


def _mutant(root: Path, path: Path, groups: list[list[str]], draw: random.Random) -> Mutant | None:
    code = path.read_text(encoding="utf-8")
    for _ in range(_TRIES):
        name = draw.choice(draw.choice(groups))
        operator = plugins.get_operator(name)()
        count = _count(code, operator)
        if not count:
            continue
        changed = mutating.mutate_code(code, operator, draw.randrange(count))
        if changed and _differs(code, changed):
            line, before, after = _where(code, changed)
            where = path.relative_to(root).as_posix()
            return Mutant(where, line, *places(code, line), name, before, after, changed)
    return None


def _count(code: str, operator: object) -> int:
    """How many places of the code an operator applies to."""

    class Counter(mutating.Visitor):
        places = 0

        def visit(self, node: object) -> object:
            self.places += sum(1 for _ in operator.mutation_positions(node))  # type: ignore[attr-defined]
            return node

    counter = Counter()
    counter.walk(mutating.get_ast(code))
    return counter.places


def _differs(one: str, two: str) -> bool:
    try:
        return _bare(one) != _bare(two)
    except SyntaxError:
        return False


def _bare(code: str) -> str:
    """The syntax tree without what nobody executes, or only the checks.

    Annotations, docstrings and definitions of `...` are for readers and type checkers; samples are
    the cases of the conformance checks; zip's strictness changes no result that is right.
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
            if _is_stub(node):
                node.decorator_list, node.args = [], _NOTHING
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif _is_left_out(node):
            node.value = ast.Constant(None)  # type: ignore[attr-defined]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return ast.dump(tree)


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.keyword) and node.arg in ("strict", "samples")


def _is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the body is `...` alone: an overload, or a protocol's method."""
    only = node.body[0] if len(node.body) == 1 else None
    value = only.value if isinstance(only, ast.Expr) else None
    return isinstance(value, ast.Constant) and value.value is ...


def _where(one: str, two: str) -> tuple[int, str, str]:
    """The first changed line: its number, and the line before and after."""
    lines, new = one.splitlines(), two.splitlines()
    for tag, a, b, c, d in difflib.SequenceMatcher(None, lines, new, autojunk=False).get_opcodes():
        if tag != "equal":
            while a + 1 < b and not lines[a].strip():  # what stood before a decorator goes with it
                a += 1
            return a + 1, " ".join(lines[a:b]).strip(), " ".join(new[c:d]).strip()
    raise ValueError("the codes are equal")


def places(code: str, line: int) -> tuple[tuple[tuple[int, ...], ...], bool]:
    """Where a test must come by to notice a change of a line, and whether it is a function's head.

    That is the innermost statement, of which one over several lines is executed at its first. A
    function's head is executed at import, by everyone; what it says shows when the body runs.

    >>> places("x = [\\n    1,\\n]\\n", 2)
    (((1, 2, 3),), False)
    >>> places("def f(\\n    x=1,\\n):\\n    return x\\n", 2)
    (((4,), (1, 2, 3)), True)
    """
    found, inside = (line,), None
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            marks = [d.lineno for d in getattr(node, "decorator_list", ())]
            lines = tuple(range(min([node.lineno, *marks]), max(last, node.lineno) + 1))
            if line in lines and (inside is None or len(lines) < len(found)):
                found, inside = lines, node
    if not isinstance(inside, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return (found,), False
    rest = tuple(range(inside.body[0].lineno, (inside.end_lineno or inside.lineno) + 1))
    return (rest, found), True
