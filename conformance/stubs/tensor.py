"""The stub of Tensor's methods: all that the op declarations attach to the class at run time."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import franken
from conformance.stubs.functions import Form, define, forms, plain
from conformance.stubs.types import Names
from franken.core.op import OPS, Op
from franken.core.tensor import Tensor

# Properties that do not say their type have that of this tensor's.
_SAMPLE = franken.zeros(())
_BY_HAND = frozenset(("__new__", "__init__", "_construct", "__array_priority__"))
# Operators whose other side is a tensor or a number, and which give a tensor.
_BINARY = frozenset(
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or",
                 "xor", "lshift", "rshift", "div")
    for side in ("", "r", "i")
) | {f"__{name}__" for name in ("eq", "ne", "lt", "le", "gt", "ge")}  # fmt: skip
_UNARY = frozenset(("__neg__", "__pos__", "__abs__", "__invert__"))
_AS_OBJECT = frozenset(vars(object)) - _BINARY  # known of every object


def methods(names: Names) -> list[str]:
    """The body of the stub class, sorted by name."""
    by_form = {id(form): op for op in OPS.values() for form in (op.method, op.inplace)}
    lines: list[str] = []
    for name, value in sorted(vars(Tensor).items()):
        if name in _BY_HAND or name in _AS_OBJECT or name in _slots() or value is None:
            continue
        if isinstance(value, property):
            lines += _property(name, value, names)
        elif inspect.isfunction(value):
            op = by_form.get(id(value)) or by_form.get(id(_unspelled(value)))
            lines += list(_method(name, value, op, names))
    return lines


def _slots() -> set[str]:
    return {*Tensor.__slots__, "__doc__", "__module__", "__annotations__", "__slots__"} | {
        "shape", "dtype", "ndim",
    }  # fmt: skip


def _unspelled(value: Any) -> Any:
    return getattr(value, "__wrapped__", value)


def _method(name: str, value: Any, op: Op | None, names: Names) -> Iterator[str]:
    changes = name.endswith("_") and not name.endswith("__")
    if op is None or name.startswith("__"):
        found = [plain(value, names, gives_tensor=name in _BINARY | _UNARY)]
    else:
        found = forms(op, names)
    for form in found:
        if len(found) > 1:
            names.used.add("overload")
            yield "@overload"
        if changes or (name.startswith("__i") and name in _BINARY and name != "__invert__"):
            names.used.add("Self")
            form = form._replace(returns="Self")
        form = Form(["self", *form.parameters[1:]], form.returns)
        doc = inspect.getdoc(value)
        ignore = "override" if name in ("__eq__", "__ne__") else ""
        yield from define(name, form, doc and doc.partition("\n")[0], ignore=ignore, indent=4)


def _property(name: str, value: property, names: Names) -> list[str]:
    form = plain(value.fget, names) if value.fget else Form([], "Any")
    if form.returns == "Any" and not inspect.get_annotations(value.fget):
        form = form._replace(returns=names.text(type(getattr(_SAMPLE, name)).__name__))
    doc = inspect.getdoc(value)
    reader = Form(["self"], form.returns)
    got = define(name, reader, doc and doc.partition("\n")[0], indent=4)
    lines = ["@property", *got]
    if value.fset is not None:
        setter = Form(["self", f"value: {form.returns}"], "None")
        lines += [f"@{name}.setter", *define(name, setter)]
    return lines
