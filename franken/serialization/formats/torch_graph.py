"""Walk the object graph of a torch pickle, and name what it holds by dotted paths.

Knows which recorded calls are containers, which rebuild tensors and which only wrap one. Where a
tensor's bytes lie is the archive's business. Depth, visits and text are bounded, cycles end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from ..errors import FormatError
from .pickle_reader import Call, Global, Items, Pairs, Persistent

MAX_DEPTH: Final = 200
MAX_VISITS: Final = 500_000
MAX_NAME: Final = 2048
_MAX_NAMES_TOTAL: Final = 64 << 20
_MAX_SCALARS: Final = 1000
_MAX_SCALAR: Final = 200

TENSORS: Final = frozenset(
    {
        "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_qtensor",
    }
)  # fmt: skip
PARAMETERS: Final = frozenset(
    {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
)
_DICTS: Final = frozenset(
    {"collections.OrderedDict", "collections.defaultdict", "collections.Counter"}
)
SUBCLASS: Final = "torch._tensor._rebuild_from_type_v2"
# Values without tensors: not entered, and not worth a note.
_PLAIN: Final = frozenset(
    {
        "torch.Size", "torch.device", "_codecs.encode", "torch.serialization._get_layout",
        "builtins.complex", "__builtin__.complex", "builtins.slice", "builtins.bytearray",
        "__builtin__.bytearray", "datetime.datetime", "datetime.timedelta", "pathlib.PosixPath",
    }
)  # fmt: skip
_KNOWN: Final = frozenset(
    {
        "builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset",
        "torch._utils._rebuild_sparse_tensor",
    }
)  # fmt: skip
# Attributes of a pickled module that its state_dict's names leave out.
_TRANSPARENT: Final = frozenset({"_parameters", "_buffers", "_modules"})


class Tensors(Protocol):
    """Takes the tensors that are met, by name."""

    def tensor(self, name: str, call: Call) -> None:
        """Take the record of a tensor."""

    def storage(self, name: str, value: Persistent) -> None:
        """Take the record of a storage without a tensor."""


class Leaves:
    """What a walk found besides tensors: scalars as text, and names that are not known."""

    def __init__(self) -> None:
        self.scalars: dict[str, str] = {}
        self.unknown: set[str] = set()
        self.notes: list[str] = []


def walk(graph: Any, tensors: Tensors) -> Leaves:
    """Give every tensor of the graph to ``tensors``, in order, and return the rest.

    >>> class Names(list):
    ...     def tensor(self, name, call):
    ...         self.append(name)
    >>> graph, names = Pairs(), Names()
    >>> graph.pairs = [("lr", 0.5), ("w", Call(Global("torch._utils._rebuild_tensor_v2"), ()))]
    >>> walk(graph, names).scalars, names
    ({'lr': '0.5'}, ['w'])
    """
    return _Walk(tensors).run(graph)


class _Walk:
    def __init__(self, tensors: Tensors) -> None:
        self.tensors, self.leaves = tensors, Leaves()
        self.names: set[str] = set()
        self.active: set[int] = set()
        self.entered: set[int] = set()
        self.text = 0

    def run(self, graph: Any) -> Leaves:
        # Entries are (path, value, depth); a depth of -1 says that the value is left again.
        stack: list[tuple[str, Any, int]] = [("", graph, 0)]
        for _ in range(MAX_VISITS):
            if not stack:
                return self.leaves
            path, value, depth = stack.pop()
            if depth < 0:
                self.active.discard(id(value))
                continue
            children = self._children(path, value)
            if children is None or id(value) in self.active:
                continue
            if depth >= MAX_DEPTH:
                raise FormatError("too_large", f"torch: nested deeper than {MAX_DEPTH}")
            self.active.add(id(value))
            stack.append((path, value, -1))
            named = [(self._join(path, key), child, depth + 1) for key, child in children]
            if len(stack) + len(named) > MAX_VISITS:
                break
            stack.extend(reversed(named))
        raise FormatError("too_large", f"torch: more than {MAX_VISITS} values")

    def _children(self, path: str, value: Any) -> Iterable[tuple[Any, Any]] | None:
        """Return what a container holds, by key; None for what is no container."""
        kind = type(value)
        if kind is Pairs:
            return value.pairs
        if kind is Items:
            return enumerate(value.items)
        if kind is tuple:
            return enumerate(value)
        if kind is Call:
            return self._call(path, value)
        if kind is Persistent:
            self.tensors.storage(self._unique(path), value)
        elif kind is not Global:
            self._scalar(path, value)
        return None

    def _call(self, path: str, call: Call) -> Iterable[tuple[Any, Any]] | None:
        name, arguments = call.name, call.arguments
        if name in TENSORS:
            self.tensors.tensor(self._unique(path), call)
            return ((f"quantizer.{i}", v) for i, v in enumerate(_quantizer(name, arguments)))
        if name in _PLAIN:
            return None
        if type(arguments) is not tuple:
            raise FormatError("bad_tree", f"torch: {path!r} calls {name!r} without arguments")
        if name in PARAMETERS and arguments:
            return (("", arguments[0]), *(("state", v) for v in arguments[3:4]))
        if name == SUBCLASS and len(arguments) == 4:
            return (("", Call(arguments[0], arguments[2])), ("state", arguments[3]))
        if name in _DICTS:
            return (*_pairs_of(arguments), *call.pairs)
        return self._opaque(name, call)

    def _opaque(self, name: str, call: Call) -> Iterable[tuple[Any, Any]] | None:
        # Entered once: the objects of a program refer to each other in every direction.
        if id(call) in self.entered:
            return None
        self.entered.add(id(call))
        if name not in _KNOWN:
            self.leaves.unknown.add(name[:200] or "the result of a call")
        state = call.state
        # With slots the state is a pair of dictionaries.
        states = state if type(state) is tuple else (state,)
        return (
            *enumerate(call.arguments),
            *enumerate(call.items),
            *call.pairs,
            *(pair for part in states if type(part) is Pairs for pair in part.pairs),
        )

    def _join(self, path: str, key: Any) -> str:
        text = _key(key)
        if text in _TRANSPARENT or not text:
            return path
        result = f"{path}.{text}" if path else text
        self.text += len(result)
        if len(result) > MAX_NAME or self.text > _MAX_NAMES_TOTAL:
            raise FormatError("too_large", f"torch: the name {result[:80]!r}... is too long")
        return result

    def _unique(self, path: str) -> str:
        name, number = path or "tensor", 1
        while name in self.names:
            number += 1
            name = f"{path or 'tensor'}#{number}"
            if number > 1000:
                raise FormatError("bad_tree", f"torch: the name {path!r} occurs too often")
        self.names.add(name)
        return name

    def _scalar(self, path: str, value: Any) -> None:
        scalars = self.leaves.scalars
        if len(scalars) >= _MAX_SCALARS or path in scalars or not path:
            return
        text = value if type(value) is str else _text(value)
        if len(text) <= _MAX_SCALAR:
            scalars[path] = text


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    if type(key) in (int, float, bool, bytes, type(None)):
        return _text(key)
    return key.name if type(key) is Global else f"<{type(key).__name__.lower()}>"


def _text(value: Any) -> str:
    # Integers here have at most MAX_LONG bytes, so that writing them out stays cheap.
    return repr(value[:_MAX_SCALAR]) if type(value) is bytes else repr(value)


def _pairs_of(arguments: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """Return the pairs in the arguments of a dictionary's constructor."""
    pairs: list[tuple[Any, Any]] = []
    for argument in arguments:
        if type(argument) is Pairs:
            pairs.extend(argument.pairs)
        for item in argument.items if type(argument) is Items else ():
            values = item.items if type(item) is Items else item
            if type(values) not in (tuple, list) or len(values) != 2:
                raise FormatError("bad_tree", "torch: a dictionary of something else than pairs")
            pairs.append((values[0], values[1]))
    return pairs


def _quantizer(name: str, arguments: Any) -> tuple[Any, ...]:
    """Return the parameters of a quantized tensor, in which there may be tensors."""
    if name.endswith("_rebuild_qtensor") and type(arguments) is tuple and len(arguments) > 4:
        return arguments[4] if type(arguments[4]) is tuple else ()
    return ()
