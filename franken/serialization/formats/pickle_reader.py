"""Take a pickle apart as data, without the pickle module and without executing anything.

A machine of the opcodes that protocols 2 to 5 write. It imports nothing and calls nothing: a
global is a name, a call is a record of what would be called, and a container is a list. Knows no
torch. Steps, memory and nesting are bounded.
Source: the documentation of Python's pickletools module.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import FormatError

MAX_PICKLE: Final = 64 << 20
# About 100 bytes each at worst, and each takes a byte of the file: 1.6 GB, and some seconds.
MAX_STEPS: Final = 16_000_000
MAX_TEXT: Final = 16 << 20
MAX_LONG: Final = 512


class Global:
    """The name of something to import; nothing is."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Items:
    """A list or a set that may still grow; ``kind`` is the type that it is of."""

    __slots__ = ("items", "kind")

    def __init__(self, kind: type = list) -> None:
        self.items: list[Any] = []
        self.kind = kind


class Pairs:
    """A dictionary as a list of pairs: keys of a stranger are not hashed."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []


class Call:
    """A call that is recorded instead of made, and what is added to its result afterwards.

    ``new`` says that ``__new__`` would be called, and ``names`` are arguments given by name.
    """

    __slots__ = ("arguments", "function", "items", "names", "new", "pairs", "state")

    def __init__(self, function: Any, arguments: Any, new: bool = False, names: Any = None) -> None:
        self.function, self.arguments, self.new, self.names = function, arguments, new, names
        self.items: list[Any] = []
        self.pairs: list[tuple[Any, Any]] = []
        self.state: Any = None

    @property
    def name(self) -> str:
        """Return the name of what is called; empty if it is itself the result of a call."""
        return self.function.name if type(self.function) is Global else ""


class Persistent:
    """A reference to something outside the pickle."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key


@dataclass(frozen=True, slots=True)
class Parsed:
    """A pickle taken apart: its graph, the names in it as they come, and where it ended."""

    graph: Any
    names: list[str]
    end: int


def parse(data: bytes) -> Any:
    """Return the object graph in ``data``, of plain values and the classes of this module.

    FormatError for what is malformed, above the bounds, or of an opcode that is not listed.

    >>> import pickle
    >>> graph = parse(pickle.dumps({"a": (1, 2.5)}, protocol=2))
    >>> graph.pairs
    [('a', (1, 2.5))]
    >>> parse(pickle.dumps(print, protocol=2)).name
    '__builtin__.print'
    """
    return take_apart(data).graph


def take_apart(data: bytes, begin: int = 0, *, encoding: str | None = None) -> Parsed:
    """Take apart the pickle that begins at ``begin``; other bytes may follow it.

    The byte strings of Python 2 become text if ``encoding`` says how; FormatError as `parse`.

    >>> import pickle
    >>> found = take_apart(b"--" + pickle.dumps([print], protocol=2) + b"--", 2)
    >>> found.names, found.graph.items[0].name
    (['__builtin__.print'], '__builtin__.print')
    """
    machine = _Machine(data, begin, encoding)
    try:
        return Parsed(machine.run(), machine.names, machine.at)
    except (IndexError, struct.error):
        raise FormatError("truncated", f"pickle: ends or runs dry at {machine.at}") from None


_MARK: Final = object()


class _Machine:
    def __init__(self, data: bytes, begin: int, encoding: str | None) -> None:
        self.data, self.at, self.begin, self.encoding = data, begin, begin, encoding
        self.names: list[str] = []
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, table = self.data, _OPCODES
        for _ in range(MAX_STEPS):
            if self.at - self.begin > MAX_PICKLE:
                raise FormatError("too_large", f"pickle: more than {MAX_PICKLE} bytes")
            code = data[self.at]
            self.at += 1
            if code == 0x2E:  # STOP
                return self.pop()
            action = table.get(code)
            if action is None:
                raise FormatError("bad_tree", f"pickle: opcode {code:#04x} is not accepted")
            action(self)
        raise FormatError("too_large", f"pickle: more than {MAX_STEPS} steps")

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise FormatError("truncated", f"pickle: {length} bytes at {self.at}")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 1024)
        if end < 0:
            raise FormatError("bad_tree", f"pickle: a name without end at {self.at}")
        raw, self.at = self.data[self.at : end], end + 1
        return _decode(raw)

    def text(self, length: int) -> None:
        if length > MAX_TEXT:
            raise FormatError("too_large", f"pickle: text of {length} bytes, limit {MAX_TEXT}")
        self.stack.append(_decode(self.take(length)))

    def binary(self, length: int) -> None:
        self.stack.append(self.take(length))

    def old_text(self, length: int) -> None:
        raw = self.take(length)
        self.stack.append(raw if self.encoding is None else _decode(raw, self.encoding))

    def long(self, length: int) -> None:
        if length > MAX_LONG:
            raise FormatError("too_large", f"pickle: an int of {length} bytes, limit {MAX_LONG}")
        self.stack.append(self.number(length, signed=True))

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise FormatError("bad_tree", f"pickle: a mark where a value should be, at {self.at}")
        return value

    def pop_mark(self) -> list[Any]:
        stack, at = self.stack, len(self.stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise FormatError("bad_tree", f"pickle: no mark at {self.at}")
        values = stack[at + 1 :]
        del stack[at:]
        return values

    def take_tuple(self, length: int) -> None:
        values = [self.pop() for _ in range(length)]
        self.stack.append(tuple(reversed(values)))

    def put(self, index: int) -> None:
        if self.stack[-1] is _MARK:
            raise FormatError("bad_tree", f"pickle: a mark is remembered at {self.at}")
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise FormatError("bad_tree", f"pickle: nothing is remembered as {index}")
        self.stack.append(self.memo[index])

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (Items, Call):
            raise FormatError("bad_tree", f"pickle: appends to something else at {self.at}")
        target.items.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (Pairs, Call) or len(values) % 2:
            raise FormatError("bad_tree", f"pickle: sets items of something else at {self.at}")
        target.pairs.extend(zip(values[::2], values[1::2], strict=True))

    def call(self, new: bool = False) -> None:
        arguments, function = self.pop(), self.pop()
        self.stack.append(Call(function, arguments, new))

    def call_with_names(self) -> None:
        names, arguments, function = self.pop(), self.pop(), self.pop()
        self.stack.append(Call(function, arguments, True, names))

    def build(self) -> None:
        state, target = self.pop(), self.stack[-1]
        # The state of an OrderedDict is attributes beside its items; plain containers have none.
        if type(target) is Call:
            target.state = state

    def name(self) -> None:
        name, module = self.pop(), self.pop()
        if type(module) is not str or type(name) is not str:
            raise FormatError("bad_tree", f"pickle: a global without name at {self.at}")
        self.named(f"{module}.{name}")

    def global_line(self) -> None:
        module = self.line()
        self.named(f"{module}.{self.line()}")

    def named(self, name: str) -> None:
        self.names.append(name)
        self.stack.append(Global(name))

    def frozen(self) -> None:
        result = Items(frozenset)
        result.items = self.pop_mark()
        self.stack.append(result)

    def new_dict(self) -> None:
        values = self.pop_mark()
        self.stack.append(Pairs())
        self.set_items(values)

    def new_list(self) -> None:
        result = Items()
        result.items = self.pop_mark()
        self.stack.append(result)

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def add(self, value: Any) -> None:
        self.stack.append(value)

    def protocol(self) -> None:
        version = self.number(1)
        if not 2 <= version <= 5:
            raise FormatError("unknown_version", f"pickle: protocol {version}")


def _decode(raw: bytes, encoding: str = "utf-8") -> str:
    try:
        return raw.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        raise FormatError("bad_tree", f"pickle: text that is not {encoding.upper()}") from None


# What each opcode does. Left out: text opcodes of protocols 0 and 1, extension codes, INST, OBJ,
# and buffers outside the pickle, none of which checkpoint writers use.
_OPCODES: Final[dict[int, Callable[[_Machine], Any]]] = {
    ord(b"("): lambda m: m.add(_MARK),
    ord(b"0"): lambda m: m.stack.pop(),
    ord(b"1"): lambda m: m.pop_mark(),
    ord(b"2"): lambda m: m.add(m.stack[-1]),
    ord(b"N"): lambda m: m.add(None),
    ord(b"J"): lambda m: m.add(m.number(4, signed=True)),
    ord(b"K"): lambda m: m.add(m.number(1)),
    ord(b"M"): lambda m: m.add(m.number(2)),
    ord(b"G"): lambda m: m.add(struct.unpack(">d", m.take(8))[0]),
    ord(b"X"): lambda m: m.text(m.number(4)),
    ord(b"B"): lambda m: m.binary(m.number(4)),
    ord(b"C"): lambda m: m.binary(m.number(1)),
    ord(b"T"): lambda m: m.old_text(m.number(4)),
    ord(b"U"): lambda m: m.old_text(m.number(1)),
    ord(b"Q"): lambda m: m.add(Persistent(m.pop())),
    ord(b"R"): lambda m: m.call(),
    ord(b"a"): lambda m: m.append([m.pop()]),
    ord(b"b"): lambda m: m.build(),
    ord(b"c"): lambda m: m.global_line(),
    ord(b"d"): lambda m: m.new_dict(),
    ord(b"e"): lambda m: m.append(m.pop_mark()),
    ord(b"h"): lambda m: m.get(m.number(1)),
    ord(b"j"): lambda m: m.get(m.number(4)),
    ord(b"l"): lambda m: m.new_list(),
    ord(b"q"): lambda m: m.put(m.number(1)),
    ord(b"r"): lambda m: m.put(m.number(4)),
    ord(b"s"): lambda m: m.set_item(),
    ord(b"t"): lambda m: m.add(tuple(m.pop_mark())),
    ord(b"u"): lambda m: m.set_items(m.pop_mark()),
    ord(b")"): lambda m: m.add(()),
    ord(b"]"): lambda m: m.add(Items()),
    ord(b"}"): lambda m: m.add(Pairs()),
    0x80: lambda m: m.protocol(),
    0x81: lambda m: m.call(new=True),
    0x85: lambda m: m.take_tuple(1),
    0x86: lambda m: m.take_tuple(2),
    0x87: lambda m: m.take_tuple(3),
    0x88: lambda m: m.add(True),
    0x89: lambda m: m.add(False),
    0x8A: lambda m: m.long(m.number(1)),
    0x8B: lambda m: m.long(m.number(4)),
    0x8C: lambda m: m.text(m.number(1)),
    0x8D: lambda m: m.text(m.number(8)),
    0x8E: lambda m: m.binary(m.number(8)),
    0x8F: lambda m: m.add(Items(set)),
    0x90: lambda m: m.append(m.pop_mark()),
    0x91: lambda m: m.frozen(),
    0x92: lambda m: m.call_with_names(),
    0x93: lambda m: m.name(),
    0x94: lambda m: m.put(len(m.memo)),
    0x95: lambda m: m.take(8) and None,
    0x96: lambda m: m.binary(m.number(8)),
}
