"""Ops as stubs write them: parameters by name, kind, type and default; one `def` an overload."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_overloads

from conformance.stubs.types import OPERAND, Names, of_schema
from franken.core.op import Op
from franken.core.schema import signature
from franken.core.schema.signature import signature_of
from franken.ops.declaring import return_types

WIDTH, INDENT = 100, 4
# Flags with which an op that returns one tensor returns several.
FLAGS = {"return_indices": "tuple[Tensor, Tensor]", "as_tuple": "tuple[Tensor, ...]"}
_KIND = inspect.Parameter


class Form(NamedTuple):
    """One overload as it is written: parameters (`a: int = ...`, `*`, `/`) and what it returns."""

    parameters: list[str]
    returns: str


def forms(op: Op, names: Names, *, out: bool = False, first: str | None = None) -> list[Form]:
    """The overloads of an op's function."""
    written = get_overloads(op.fn)
    if written:
        return [_form(op, names, signature.public(fn, out, first), {}) for fn in written]
    shape = signature.public(op.fn, out, first)
    told = {a.name: of_schema(a.type) for a in op.schema.arguments}
    return [_form(op, names, each, told) for each in _overloads(op, shape)]


def _overloads(op: Op, shape: inspect.Signature) -> list[inspect.Signature]:
    """A signature, or several where an argument decides what is returned or how it is spelled."""
    given = shape.parameters
    starred = next((p for p in given.values() if p.kind is _KIND.VAR_POSITIONAL), None)
    if starred is not None and "spelled" in given:  # f(input, 2, 3), and with the sizes by name
        kept = [p for p in given.values() if p.kind is _KIND.POSITIONAL_OR_KEYWORD]
        by_name = _KIND(starred.name, _KIND.KEYWORD_ONLY, annotation="Sequence[int]")
        return [shape, shape.replace(parameters=[*kept, by_name])]
    if annotation(shape.return_annotation) != "Any":
        return [shape]
    for flag, several in FLAGS.items():
        if flag in given:
            return _by_flag(shape, flag, several)
    if op.name in return_types.ALL and "dim" in given and given["dim"].default is None:
        return _by_dim(shape, op.name)
    return [shape]


def _by_flag(shape: inspect.Signature, flag: str, several: str) -> list[inspect.Signature]:
    """One tensor; or several, where the flag is set (by its name, or by place before others)."""
    parameters = list(shape.parameters.values())
    place = next(i for i, p in enumerate(parameters) if p.name == flag)
    off = parameters[place].replace(annotation="Literal[False]")
    on = _KIND(flag, _KIND.KEYWORD_ONLY, annotation="Literal[True]")
    after = [p.replace(kind=_KIND.KEYWORD_ONLY) for p in parameters[place + 1 :]]
    one = [*parameters[:place], off, *parameters[place + 1 :]]
    return [
        shape.replace(parameters=one, return_annotation="Tensor"),
        shape.replace(parameters=[*parameters[:place], on, *after], return_annotation=several),
    ]


def _by_dim(shape: inspect.Signature, name: str) -> list[inspect.Signature]:
    """The whole tensor reduced to one; elementwise with another; along a dimension, two."""
    given = shape.parameters
    whole = [p for p in given.values() if p.name not in ("dim", "keepdim", "other")]
    found = [shape.replace(parameters=whole, return_annotation="Tensor")]
    if "other" in given:
        other = given["other"].replace(
            kind=_KIND.POSITIONAL_OR_KEYWORD, default=_KIND.empty, annotation="Tensor"
        )
        two = [whole[0], other, *whole[1:]]
        found.append(shape.replace(parameters=two, return_annotation="Tensor"))
    dim = given["dim"].replace(default=_KIND.empty, annotation="int")
    along = [whole[0], dim, given["keepdim"], *whole[1:]]
    named = f"return_types.{name}"
    return [*found, shape.replace(parameters=along, return_annotation=named)]


def _form(op: Op, names: Names, shape: inspect.Signature, told: dict[str, Any]) -> Form:
    parameters = []
    returns = _returns(op, shape)
    for p in shape.parameters.values():
        if p.name == "spelled":
            continue
        kind = told.get("self" if p.name == "input" else p.name)
        parameters.append((p, names.text(_type(op, p, kind, returns))))
    return Form(list(_marked(parameters)), names.text(returns))


def _type(op: Op, p: inspect.Parameter, told: str | None, returns: str) -> str:
    written = annotation(p.annotation)
    if p.name == "out" and written in ("Any", "Tensor | None"):
        return "Tensor | None" if returns == "Tensor" else "Sequence[Tensor] | None"
    if op.schema_text is not None:  # elementwise
        return OPERAND if told == "Tensor" and written != "Tensor" else told or written
    if p.kind is _KIND.VAR_POSITIONAL:
        return "int | Sequence[int]" if written == "int" else written
    return written if written != "Any" or told is None else told


def _returns(op: Op, shape: inspect.Signature) -> str:
    written = annotation(shape.return_annotation)
    named = op.name.replace(".", "_")
    if named in return_types.ALL and written != "Tensor":
        return f"return_types.{named}"
    return "Tensor" if written == "Any" and op.schema_text is not None else written


def annotation(value: Any) -> str:
    """An annotation's text; Any where there is none."""
    if value is inspect.Signature.empty:
        return "Any"
    return value if isinstance(value, str) else str(getattr(value, "__name__", value))


def plain(fn: Callable[..., Any], names: Names, *, gives_tensor: bool = False) -> Form:
    """A function that no op declared, by its own signature; or an operator on tensors."""
    shape = signature_of(fn)
    typed = [
        (p, names.text(OPERAND if gives_tensor and place else annotation(p.annotation)))
        for place, p in enumerate(shape.parameters.values())
    ]
    returns = "Tensor" if gives_tensor else annotation(shape.return_annotation)
    return Form(list(_marked(typed)), names.text(returns))


def _marked(typed: list[tuple[Any, str]]) -> Iterator[str]:
    """Parameters as they stand between a function's brackets, with `/` and `*` where needed."""
    before: Any = None
    for p, kind in typed:
        if before is _KIND.POSITIONAL_ONLY and p.kind is not before:
            yield "/"
        starred = before in (_KIND.VAR_POSITIONAL, _KIND.KEYWORD_ONLY)
        if p.kind is _KIND.KEYWORD_ONLY and not starred:
            yield "*"
        star = {_KIND.VAR_POSITIONAL: "*", _KIND.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is _KIND.empty else f" = {default_text(p.default)}"
        yield f"{star}{p.name}: {kind}{default}"
        before = p.kind


def default_text(value: Any) -> str:
    """A default as a stub shows it; values without a literal are left out."""
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value).replace("'", '"') if isinstance(value, str) else repr(value)
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return repr(value)
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value):
        return repr(value)
    return "..."


def define(
    name: str, form: Form, doc: str | None = None, *, ignore: str = "", indent: int = 0
) -> list[str]:
    """The lines of one `def`, wrapped as ruff's formatter wraps them at that indentation."""
    room = WIDTH - indent
    opening, closing = f"def {name}(", f") -> {form.returns}:" + ("" if doc else " ...")
    inside = ", ".join(form.parameters)
    mark = f"  # type: ignore[{ignore}]" if ignore else ""
    if len(opening + inside + closing) <= room:
        lines = [opening + inside + closing + mark]
    elif len(inside) + INDENT <= room:
        lines = [opening + mark, f"    {inside}", closing]
    else:
        lines = [opening + mark, *(f"    {p}," for p in form.parameters), closing]
    return [*lines, f'    """{doc}"""'] if doc else lines
