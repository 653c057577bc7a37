"""Schema text from a Python function: the signature of an op is its schema.

Knows annotations and defaults as they are written (strings, never evaluated); knows no op, and
reads a signature only when asked. What a name or annotation does not say becomes `Any`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from franken.core.overriding.arming import unarmed

_PLAIN = frozenset(("Tensor", "int", "float", "bool", "str", "complex", "Any"))
# Arguments that torch types alike wherever they occur; here they are annotated `Any`.
_BY_NAME = {
    "dtype": "ScalarType", "device": "Device", "layout": "Layout", "generator": "Generator",
    "memory_format": "MemoryFormat", "dim": "int[1]?", "kernel_size": "int[1]", "stride": "int[1]?",
    "dilation": "int[1]", "output_padding": "int[1]", "normalized_shape": "int[1]",
    "tensors": "Tensor[]", "bias": "Tensor?", "mask": "Tensor?", "running_mean": "Tensor?",
    "running_var": "Tensor?", "alpha": "Scalar", "beta": "Scalar", "fill_value": "Scalar",
}  # fmt: skip
_LISTS = ("tuple[", "list[", "Sequence[", "Iterable[")


def public(fn: Callable[..., Any], out: bool, first: str | None = None) -> inspect.Signature:
    """Give the signature that users see: with `out` if taken, the first argument called `first`.

    >>> def neg(input: Tensor) -> Tensor: ...
    >>> print(public(neg, out=True))
    (input: 'Tensor', *, out: 'Tensor | None' = None) -> 'Tensor'
    """
    shape = signature_of(fn)
    arguments = [p for p in shape.parameters.values() if p.name != "old"]  # deprecated orders
    if first is not None:
        arguments[0] = arguments[0].replace(name=first)
    if out and "out" not in shape.parameters:
        rest = arguments and arguments[-1].kind is inspect.Parameter.VAR_KEYWORD
        target = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None,
                                   annotation="Tensor | None")  # fmt: skip
        arguments.insert(len(arguments) - bool(rest), target)
    return shape.replace(parameters=arguments)


def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """Give a function's own signature, or that of the function it passes its arguments to."""
    names = getattr(getattr(fn, "__wrapped__", fn), "parameters", None)
    if names is None:
        return inspect.signature(unarmed(fn))
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    said = fn.__annotations__
    return inspect.Signature(
        [inspect.Parameter(n, kind, annotation=said.get(n, "Any")) for n in names],
        return_annotation="Tensor",
    )


def schema_text(name: str, fn: Callable[..., Any]) -> str:
    """Give torch's schema text of a function; its parameter `input` becomes `self`.

    >>> def roll(input: Tensor, shifts: Any, dims: tuple[int, ...] = (), *, keep: bool = False) -> Tensor: ...
    >>> schema_text("roll", roll)
    'roll(Tensor self, Any shifts, int[] dims=[], *, bool keep=False) -> Tensor'
    """  # noqa: E501
    signature = inspect.signature(unarmed(fn), follow_wrapped=False)
    parts: list[str] = []
    optional = starred = rest = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = True
            continue
        if parameter.name == "old":  # deprecated orders
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            parts.append("*")
        optional = optional or parameter.default is not parameter.empty
        parts.append(_parameter(parameter, optional))
    if rest:
        parts.append("...")
    return f"{name}({', '.join(parts)}) -> {_returns(signature.return_annotation)}"


def _parameter(p: inspect.Parameter, after_default: bool) -> str:
    name = "self" if p.name == "input" else p.name
    kind = _type(p.annotation, p.name)
    if p.kind is p.VAR_POSITIONAL:
        return f"{kind}[] {name}" + ("=[]" if after_default else "")
    if p.default is p.empty:
        return f"{kind} {name}"
    return f"{_with_default(kind, p.default)} {name}={_default(p.default)}"


def _with_default(kind: str, default: Any) -> str:
    """The type that admits the default: optional for None, a list for a tuple."""
    if default is None:
        return kind if kind.endswith("?") else kind + "?"
    if isinstance(default, (tuple, list)) and not kind.rstrip("?").endswith("]"):
        return "int[]" if all(isinstance(v, int) for v in default) else "float[]"
    return kind


def _default(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_default, value))}]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)
    return str(value).rpartition(".")[2]  # a dtype or memory format, by its name


def _type(annotation: Any, name: str = "") -> str:
    text = _text(annotation)
    members = [m.strip() for m in _split(text, "|")]
    if "None" in members:
        inner = [m for m in members if m != "None"]
        return (_type(inner[0], name) if len(inner) == 1 else "Any") + "?"
    if text == "Any":
        return _BY_NAME.get(name, "Any")
    if text in _PLAIN:
        return text
    for opening in _LISTS:
        if text.startswith(opening):
            inside = [m.strip() for m in _split(text[len(opening) : -1], ",")]
            kinds = {_type(m) for m in inside if m != "..."}
            return kinds.pop() + "[]" if len(kinds) == 1 else "Any"
    return "Any"


def _returns(annotation: Any) -> str:
    text = _text(annotation)
    if text == "None":
        return "()"
    if text.startswith("tuple[") and not text.endswith("...]"):
        inside = [_type(m.strip()) for m in _split(text[6:-1], ",")]
        return f"({', '.join(inside)})"
    return _type(annotation)


def _text(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "Any"
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "Any")


def _split(text: str, mark: str) -> list[str]:
    """Split at marks that stand outside brackets."""
    found, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == mark and not depth:
            found.append("")
        else:
            found[-1] += char
    return found
