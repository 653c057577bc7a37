"""Types as stubs write them: from schema types, and from annotations where a schema says less.

Every type is spelled by an alias with an underscore, since `float`, `size` or `type` are names of
tensors' methods and of dtypes wherever these types are written. Knows texts; imports no op.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from franken.core.schema.model import Type

# What a stub may name, and the module each is imported from; spelled with an underscore before it.
HOMES = {
    **dict.fromkeys(("bool", "complex", "float", "int", "object", "str", "type"), "builtins"),
    "ndarray": "numpy", "number": "numpy", "bool_": "numpy",
    "device": "franken.core.device", "dtype": "franken.core.dtypes",
    "layout": "franken.core.geometry.layout", "memory_format": "franken.core.geometry.layout",
    "Size": "franken.core.geometry.size", "Tensor": "franken.core.tensor",
    "Node": "franken.core.node", "RemovableHandle": "franken.core.handles",
    "Generator": "franken.ops.sampling.generator",
    "UntypedStorage": "franken.ops.surface.storage", "TypedStorage": "franken.ops.surface.storage",
}  # fmt: skip
# These hide nothing, and are written as they are.
PLAIN = {
    **dict.fromkeys(("Any", "Literal", "Self", "overload", "SupportsIndex"), "typing"),
    **dict.fromkeys(("Callable", "Iterable", "Iterator", "Sequence"), "collections.abc"),
    "return_types": "franken.core",
}
_BUILT_IN = {"None", "dict", "list", "slice", "tuple"}

# A schema's scalar types.
_SCALARS = {
    "Tensor": "Tensor", "int": "int", "float": "float", "bool": "bool", "str": "str",
    "complex": "complex", "Scalar": "complex", "ScalarType": "dtype", "Layout": "layout",
    "Generator": "Generator", "MemoryFormat": "memory_format",
    "Device": "str | int | device",
}  # fmt: skip
OPERAND = "Tensor | complex | number[Any] | bool_"


class Names:
    """The names that a stub uses, and their import lines.

    One of core imports nothing from above: what lives there is Any.
    """

    def __init__(self, core: bool = False) -> None:
        self.core = core
        self.used: set[str] = set()

    def text(self, annotation: str) -> str:
        """An annotation in a stub's spelling; what cannot be named there is Any."""
        return self._of(ast.parse(annotation, mode="eval").body)

    def _of(self, node: ast.expr) -> str:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            parts = [self._of(node.left), self._of(node.right)]
            return "Any" if "Any" in parts else " | ".join(parts)
        if isinstance(node, ast.Subscript):
            head = self._of(node.value)
            if head in ("Any", "Literal"):
                return head if head == "Any" else ast.unparse(node)
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return f"{head}[{', '.join(self._of(each) for each in inside)}]"
        if isinstance(node, ast.List):
            return f"[{', '.join(self._of(each) for each in node.elts)}]"
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):  # a forward reference
                return self.text(node.value)
            return "..." if node.value is ... else str(node.value)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "return_types":
            return self._name("return_types") + "." + node.attr
        return self._name(node.attr if isinstance(node, ast.Attribute) else ast.unparse(node))

    def _name(self, name: str) -> str:
        if name in _BUILT_IN:
            return name
        home = HOMES.get(name) or PLAIN.get(name)
        if home is None or self.core and home.startswith("franken.ops"):
            name = "Any"
        self.used.add(name)
        return name if name in PLAIN else f"_{name}"

    def imports(self, more: Iterable[str] = ()) -> list[str]:
        """Import lines for what was used, and for further `module:name` written as themselves."""
        lines: dict[str, set[str]] = {}
        more = set(more)
        taken = {each.partition(":")[2] for each in more}
        for name in self.used:
            home, shown = (PLAIN[name], name) if name in PLAIN else (HOMES[name], f"_{name}")
            if shown in taken:
                continue
            lines.setdefault(home, set()).add(name if name == shown else f"{name} as {shown}")
        for each in more:
            home, _, name = each.partition(":")
            lines.setdefault(home, set()).add(f"{name} as {name}")
        sections: dict[int, list[str]] = {}
        for home in sorted(lines, key=_rank):
            sections.setdefault(_rank(home)[0], []).extend(_import(home, lines[home]))
        return [line for rank in sorted(sections) for line in ["", *sections[rank]]][1:]


def _rank(home: str) -> tuple[int, str]:
    order = {"numpy": 1, "franken": 2}
    return order.get(home.partition(".")[0], 0), home


def _import(home: str, names: set[str]) -> list[str]:
    aliased = sorted((n for n in names if " as " in n), key=_case)
    bare = sorted((n for n in names if " as " not in n), key=_case)
    lines = [f"from {home} import {n}" for n in aliased]
    if bare:
        lines.append(f"from {home} import {', '.join(bare)}")
    return sorted(lines, key=lambda line: _case(line.partition(" import ")[2]))


def _case(name: str) -> tuple[int, str]:
    """Ruff's order of names: CONSTANTS, then Classes, then the rest."""
    word = name.partition(" ")[0]
    kind = 0 if word.isupper() and len(word) > 1 else 1 if word[:1].isupper() else 2
    return kind, name


def of_schema(kind: Type) -> str | None:
    """A schema's type as an annotation; None where the schema does not know."""
    if kind.is_optional:
        inner = of_schema(kind.args[0])
        return None if inner is None else f"{inner} | None"
    if kind.name == "[]":
        inner = of_schema(kind.args[0])
        if inner is None:
            return None
        return f"{inner} | Sequence[{inner}]" if kind.size == 1 else f"Sequence[{inner}]"
    return _SCALARS.get(kind.name)
