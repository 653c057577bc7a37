"""The schema parser: text to `Schema`, by recursive descent over one token list.

Fails closed: every refusal is a SchemaError with the position and what was expected there.
Input length, nesting and integers are bounded, so hostile text costs little.
Must not know which ops exist.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from franken.core.schema.model import (
    MISSING,
    Alias,
    Argument,
    Default,
    Schema,
    SchemaError,
    Symbol,
    Type,
)

MAX_LENGTH: Final = 16384
MAX_DEPTH: Final = 16

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN: Final = re.compile(
    rf"""(?P<space>[ \t\r\n]+)
    |(?P<mark>->|::|\.\.\.|[()\[\],?*!|=])
    |(?P<complex>-?(?:{_NUMBER}[+-])?{_NUMBER}j)
    |(?P<float>-?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|-?\d+[eE][+-]?\d+|-inf)
    |(?P<int>-?\d+)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<dot>\.)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)

_SCALARS: Final = frozenset((
    "Tensor", "Scalar", "int", "float", "bool", "str", "complex", "number", "SymInt",
    "SymFloat", "SymBool", "Device", "DeviceIndex", "ScalarType", "Layout", "MemoryFormat",
    "QScheme", "Generator", "Storage", "Stream", "Dimname", "Any", "AnyList", "AnyTuple",
    "AnyEnumType", "AnyClassType", "NoneType", "Function", "CapsuleType", "DeviceObjType",
    "Capsule", "PyObject", "PyObjectType",
))  # fmt: skip
_CONTAINERS: Final = {"Dict": 2, "Future": 1, "RRef": 1, "Await": 1}
_NAMED_VALUES: Final = {"None": None, "True": True, "False": False}
_UNESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip


class Token(NamedTuple):
    """One lexeme and where it starts."""

    kind: str
    text: str
    position: int


class Parser:
    """Read one schema from one text.

    >>> Parser("relu(Tensor self) -> Tensor").schema().name
    'relu'
    """

    __slots__ = ("text", "tokens", "at", "depth")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise SchemaError(f"schema of {len(text)} characters exceeds the {MAX_LENGTH} allowed")
        self.text = text
        self.tokens: list[Token] = self._tokenize()
        self.at = 0
        self.depth = 0

    # -- tokens ---------------------------------------------------------------------------------

    def _tokenize(self) -> list[Token]:
        tokens, position = [], 0
        while position < len(self.text):
            found = _TOKEN.match(self.text, position)
            if found is None:
                self._fail("a name, number, string or punctuation", position)
            if found.lastgroup != "space":
                tokens.append(Token(found.lastgroup or "", found.group(), position))
            position = found.end()
        return [*tokens, Token("end", "", position)]

    @property
    def now(self) -> Token:
        """Return the token to be read next."""
        return self.tokens[self.at]

    def _next(self) -> Token:
        token = self.tokens[self.at]
        self.at += token.kind != "end"
        return token

    def _take(self, text: str) -> bool:
        """Step over the punctuation `text` if it comes next."""
        found = self.now.kind in ("mark", "dot") and self.now.text == text
        self.at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self._fail(repr(text))

    def _name(self, what: str) -> str:
        if self.now.kind != "name":
            self._fail(what)
        return self._next().text

    def _fail(self, expected: str, position: int | None = None) -> NoReturn:
        here = self.now.position if position is None else position
        found = repr(self.text[here : here + 12]) if here < len(self.text) else "the end"
        raise SchemaError(
            f"schema: expected {expected} at position {here}, found {found}\n"
            f"  {self.text[:here]} <-- here --> {self.text[here:]}"
        )

    # -- the grammar ----------------------------------------------------------------------------

    def schema(self) -> Schema:
        """Read `[namespace::]name[.overload](parameters) -> returns` and nothing after it."""
        namespace, name = "", self._name("an op name")
        if self._take("::"):
            namespace, name = name, self._name("an op name")
        overload = self._name("an overload name") if self._take(".") else ""
        arguments, is_vararg = self._parameters()
        self._expect("->")
        returns, is_varret = self._returns()
        if self.now.kind != "end":
            self._fail("the end of the schema")
        return Schema(namespace, name, overload, arguments, returns, is_vararg, is_varret)

    def _parameters(self) -> tuple[tuple[Argument, ...], bool]:
        self._expect("(")
        found: list[Argument] = []
        kwarg_only = False
        if self._take(")"):
            return (), False
        while True:
            if self._take("..."):
                self._expect(")")
                return tuple(found), True
            if not kwarg_only and self._take("*"):
                kwarg_only = True
                self._expect(",")
            found.append(self._parameter(found, kwarg_only))
            if not self._take(","):
                self._expect(")")
                return tuple(found), False

    def _parameter(self, before: list[Argument], kwarg_only: bool) -> Argument:
        type_ = self._type()
        start = self.now.position
        name = self._name("an argument name")
        if any(arg.name == name for arg in before):
            self._fail(f"an argument name other than {name!r}", start)
        default = self._default(type_) if self._take("=") else MISSING
        if default is MISSING and not kwarg_only and before and before[-1].default is not MISSING:
            self._fail("a default, since an earlier argument has one")
        return Argument(name, type_, default, kwarg_only)

    def _returns(self) -> tuple[tuple[Argument, ...], bool]:
        if self._take("..."):
            return (), True
        if not self._take("("):
            return (self._return(),), False
        found: list[Argument] = []
        is_varret = False
        while not self._take(")"):
            if found:
                self._expect(",")
            is_varret = self._take("...")
            if is_varret:
                self._expect(")")
                break
            found.append(self._return())
        return tuple(found), is_varret

    def _return(self) -> Argument:
        type_ = self._type()
        return Argument(self._next().text if self.now.kind == "name" else "", type_)

    # -- types ----------------------------------------------------------------------------------

    def _type(self) -> Type:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(f"a type nested at most {MAX_DEPTH} deep")
        found = Type("()", self._types()) if self._take("(") else self._named_type()
        while True:
            if self._take("["):
                found = Type("[]", (found,), self._list_size())
            elif self._take("?"):
                found = Type("?", (found,))
            elif found.alias is None and self._take("("):
                found = found._replace(alias=self._alias())
            else:
                self.depth -= 1
                return found

    def _types(self) -> tuple[Type, ...]:
        found = [self._type()]
        while self._take(","):
            found.append(self._type())
        self._expect(")")
        return tuple(found)

    def _named_type(self) -> Type:
        start = self.now.position
        name = self._name("a type")
        if name in _CONTAINERS:
            self._expect("(")
            args = self._types()
            if len(args) != _CONTAINERS[name]:
                self._fail(f"{_CONTAINERS[name]} type arguments to {name}", start)
            return Type(name, args)
        if name == "__torch__":
            while self._take("."):
                name += "." + self._name("a class name")
        elif name not in _SCALARS and not name[0].islower():
            self._fail("a known type", start)
        elif name not in _SCALARS and not _is_variable(name):
            self._fail("a known type or a type variable such as t", start)
        return Type(name)

    def _list_size(self) -> int | None:
        if self._take("]"):
            return None
        if self.now.kind != "int" or not self.now.text.isdigit():
            self._fail("']' or a list size")
        size = self._integer(self._next())
        self._expect("]")
        return size

    def _alias(self) -> Alias:
        before = self._alias_set()
        is_write = self._take("!")
        after = self._alias_set() if self._take("->") else ()
        self._expect(")")
        return Alias(before, is_write, after)

    def _alias_set(self) -> tuple[str, ...]:
        found: list[str] = []
        while not found or self._take("|"):
            found.append("*" if self._take("*") else self._name("an alias name"))
        return tuple(found)

    # -- defaults -------------------------------------------------------------------------------

    def _default(self, type_: Type) -> Default:
        if self._take("["):
            if not type_.is_list:
                self._fail(f"a default of type {type_}, not a list")
            return self._list_default(type_)
        return self._scalar_default(type_)

    def _list_default(self, type_: Type) -> tuple[Default, ...]:
        found: list[Default] = []
        while not self._take("]"):
            if found:
                self._expect(",")
            found.append(self._scalar_default(type_))
        return tuple(found)

    def _scalar_default(self, type_: Type) -> Default:
        token = self._next()
        if token.kind == "name":
            return self._named_default(token, type_)
        if token.kind == "string":
            return self._string(token)
        if token.kind == "complex":
            return complex(token.text)
        if token.kind not in ("int", "float"):
            self._fail(f"a default of type {type_}", token.position)
        # Like torch, `float x=2` means 2.0 but `float? x=2` keeps its integer.
        if token.kind == "float" or (type_.base == "float" and not type_.is_optional):
            return self._float(token)
        return self._integer(token)

    def _named_default(self, token: Token, type_: Type) -> Default:
        if token.text in _NAMED_VALUES:
            return _NAMED_VALUES[token.text]
        if token.text in ("inf", "nan") and type_.base in ("float", "Scalar", "number"):
            return float(token.text)
        return Symbol(token.text)

    def _integer(self, token: Token) -> int:
        # Twenty characters hold every 64-bit integer; longer ones are not even converted.
        if len(token.text) > 20 or not -(2**63) <= int(token.text) < 2**63:
            self._fail("an integer of 64 bits", token.position)
        return int(token.text)

    def _float(self, token: Token) -> float:
        value = float(token.text)
        if value in (float("inf"), float("-inf")) and token.text != "-inf":
            self._fail("a number within double precision", token.position)
        return value

    def _string(self, token: Token) -> str:
        out, escaped = [], False
        for offset, char in enumerate(token.text[1:-1], token.position + 1):
            if escaped and char not in _UNESCAPES:
                self._fail("a known escape sequence", offset)
            if not escaped and char == "\\":
                escaped = True
                continue
            out.append(_UNESCAPES[char] if escaped else char)
            escaped = False
        return "".join(out)


def _is_variable(name: str) -> bool:
    """Tell type variables (t, t1, tVal, key ...) from misspelt types, which torch refuses too."""
    return name[0] == "t" and len(name) <= 4


def parse(text: str) -> Schema:
    """Parse one schema; SchemaError shows where and what was expected.

    >>> str(parse("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1)->Tensor"))
    'add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor'
    """
    return Parser(text).schema()
