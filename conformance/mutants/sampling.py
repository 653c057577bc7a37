"""A random sample of mutants of the package: which file, which operator of cosmic-ray, which place.

Knows Python's syntax and cosmic-ray's operators; runs nothing. Mutants that differ in annotations
or docstrings alone are no mutants and are left out.
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
_TRIES = 40


class Mutant(NamedTuple):
    """One planted fault."""

    path: str  # below the root
    line: int
    lines: tuple[int, ...]  # of the statement: one over several lines is executed at its first
    operator: str
    before: str
    after: str
    code: str  # of the whole file


def sample(root: Path, count: int, seed: int, only: str = "") -> Iterator[Mutant]:
    """`count` mutants of the package below `root`, files drawn by their length."""
    draw = random.Random(seed)
    files = [p for p in sorted((root / "franken").rglob("*.py")) if _wanted(root, p, only)]
    weights = [len(p.read_text(encoding="utf-8").splitlines()) for p in files]
    groups = _groups()
    found: set[tuple[str, str]] = set()
    while len(found) < count:
        path = draw.choices(files, weights)[0]
        made = _mutant(root, path, groups, draw)
        if made is not None and (made.path, made.code) not in found:
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
        places = _count(code, operator)
        if not places:
            continue
        changed = mutating.mutate_code(code, operator, draw.randrange(places))
        if changed and _differs(code, changed):
            line, before, after = _where(code, changed)
            where = path.relative_to(root).as_posix()
            return Mutant(where, line, statement(code, line), name, before, after, changed)
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
    """The syntax tree without what nobody executes."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            node.value = ast.Constant(None)  # of zip: it changes no result that is right
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return ast.dump(tree)


def _where(one: str, two: str) -> tuple[int, str, str]:
    """The first changed line: its number, and the line before and after."""
    lines, new = one.splitlines(), two.splitlines()
    for tag, a, b, c, d in difflib.SequenceMatcher(None, lines, new, autojunk=False).get_opcodes():
        if tag != "equal":
            return a + 1, " ".join(lines[a:b]).strip(), " ".join(new[c:d]).strip()
    raise ValueError("the codes are equal")


def statement(code: str, line: int) -> tuple[int, ...]:
    """The lines of the innermost statement around a line; of a definition, those of its head.

    >>> statement("def f(\\n    x=1,\\n):\\n    return x\\n", 2)
    (1, 2, 3)
    """
    found = (line,)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            marks = [d.lineno for d in getattr(node, "decorator_list", ())]
            lines = tuple(range(min([node.lineno, *marks]), max(last, node.lineno) + 1))
            if line in lines and (len(found) == 1 or len(lines) < len(found)):
                found = lines
    return found
