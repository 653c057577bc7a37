"""The stub of each module that collects names at run time; PLACES says which there are."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from conformance.stubs.functions import define, forms, plain
from conformance.stubs.tensor import methods
from conformance.stubs.types import Names
from franken.autograd.tensor import _LATE
from franken.core.op import NAMES, OPS, Op
from franken.ops.declaring import return_types

# module -> the namespace of the registry that it shows
SPACES = {
    "franken": "torch",
    "franken.nn.functional": "nn.functional",
    "franken.linalg": "linalg", "franken.fft": "fft", "franken.special": "special",
    "franken.masked": "masked", "franken.random": "random",
    "franken.signal.windows": "signal.windows",
    # no namespace: modules that import what they have when it is asked for
    "franken.autograd": "", "franken.backends": "", "franken.utils": "",
}  # fmt: skip
HEAD = '"""{}\n\nWritten by `python -m conformance stubs`: do not edit."""\n'


def texts() -> dict[str, str]:
    """Path below the package -> text, of every stub."""
    for module in SPACES:
        importlib.import_module(module)
    written = {_path(module): space(module, where) for module, where in SPACES.items()}
    written["core/tensor_methods.pyi"] = tensor_methods()
    written["core/return_types.pyi"] = named_tuples()
    written["return_types.pyi"] = shown_tuples()
    return written


def _path(module: str) -> str:
    found: Any = importlib.import_module(module)
    below = module.partition(".")[2].replace(".", "/")
    return f"{below}/__init__.pyi".lstrip("/") if hasattr(found, "__path__") else f"{below}.pyi"


def _stub(title: str, imports: list[str], body: list[str]) -> str:
    return "\n".join([HEAD.format(title), *imports, *(["", *body] if body else [])]) + "\n"


def space(module: str, where: str) -> str:
    """The stub of a module: what it shows of the registry, and what else `dir` names."""
    names = Names()
    found: Any = importlib.import_module(module)
    blocks: list[list[str]] = []
    more: list[str] = []
    for name, value in _shown(found, where).items():
        op = _op_of(value)
        home = f"franken.{_LATE[name]}:{name}" if where == "torch" and name in _LATE else None
        home = home or _home(name, value, module)
        if op is not None:
            blocks += list(_function(name, value, op, names))
        elif home is not None:
            more.append(home)
        elif not inspect.ismodule(value):
            blocks.append(_own(name, value, names))
    doc = (inspect.getdoc(found) or "").partition("\n")[0]
    return _stub(doc, names.imports(more), list(_spaced(blocks)))


def _shown(found: Any, where: str) -> dict[str, Any]:
    """The module's names, sorted: a file that moves must not change what is written."""
    declared = NAMES.get(where, {})
    others = {n for n in found.__dir__() if not n.startswith("__") or n == "__version__"}
    every = sorted(declared.keys() | others)
    return {n: declared[n] if n in declared else getattr(found, n) for n in every}


def _home(name: str, value: Any, module: str) -> str | None:
    """`module:name` where an import statement finds this value, if there is such a place."""
    if inspect.ismodule(value):
        room, _, last = value.__name__.rpartition(".")
        return f"{room}:{name}" if last == name else None
    home = getattr(value, "__module__", "") if callable(value) else ""
    if not home.startswith("franken.") or home == module:
        return None
    return f"{home}:{name}" if vars(importlib.import_module(home)).get(name) is value else None


def _spaced(blocks: list[list[str]]) -> Iterator[str]:
    """The lines with an empty one where ruff's formatter wants it."""
    for before, block in pairwise([[], *blocks]):
        variables = [not (each and each[0].startswith(("def ", "@"))) for each in (before, block)]
        bare = bool(before) and before[-1].endswith(" ...") and not variables[1]
        if before and not all(variables) and not bare:
            yield ""
        yield from block


def _own(name: str, value: Any, names: Names) -> list[str]:
    """A value that no module shows under this name."""
    if inspect.isfunction(value):
        return define(name, plain(value, names), (inspect.getdoc(value) or "").partition("\n")[0])
    kind = "type[Tensor]" if inspect.isclass(value) else type(value).__name__
    return [f"{name}: {names.text('None' if value is None else kind)}"]


def _op_of(value: Any) -> Op | None:
    if not callable(value):
        return None
    for op in OPS.values():
        if value is op.function or value is op.inplace:
            return op
    behind = getattr(getattr(value, "__wrapped__", None), "__wrapped__", None)
    return next((op for op in OPS.values() if op.fn is behind), None) if behind else None


def _function(name: str, value: Any, op: Op, names: Names) -> Iterator[list[str]]:
    behind = getattr(value, "__wrapped__", None)
    out = op.out and value is not op.inplace
    found = forms(op, names, out=out, first=getattr(behind, "first", None))
    doc = (inspect.getdoc(value) or "").partition("\n")[0]
    for form in found:
        if len(found) > 1:
            names.used.add("overload")
        yield [*(["@overload"] if len(found) > 1 else []), *define(name, form, doc)]


def tensor_methods() -> str:
    """The stub of the base class that Tensor has for checkers."""
    names = Names(core=True)
    body = [f"    {line}" if line else "" for line in methods(names)]
    return _stub(
        "What the op declarations attach to Tensor.",
        names.imports(),
        ["class TensorMethods:", *body],
    )


def named_tuples() -> str:
    """The stub of the named tuples that ops return."""
    names = Names()
    body: list[str] = []
    for name, kind in sorted(return_types.ALL.items()):
        fields: Any = kind
        body += ["", f"class {name}(NamedTuple):"]
        body += [f"    {field}: {names.text('Tensor')}" for field in fields._fields]
    return _stub(
        "The named tuples that ops return.",
        ["from typing import NamedTuple", "", *names.imports()],
        body[1:],
    )


def shown_tuples() -> str:
    """The stub of the module that shows the named tuples to users."""
    lines = [f"from franken.core.return_types import {n} as {n}" for n in sorted(return_types.ALL)]
    return _stub("torch.return_types: the named tuples that ops return.", lines, [])
