"""Op schemas: the value types and their canonical text.

`str` of each object is torch's own spelling, so a schema prints as it was written.
Must not know ops, arrays or Tensors.
Syntax: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/README.md
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from franken.core.errors import FrankenError

Default = Any
"""int, float, complex, bool, str, None, Symbol, or a tuple of these."""


class SchemaError(FrankenError, ValueError):
    """A text is no schema, or a registration contradicts another."""

    reason_code = "schema"


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""The default of an argument that has none."""


class Symbol(str):
    """A default given by name (`Mean`, `contiguous_format`, `float`): printed without quotes."""

    __slots__ = ()


class Alias(NamedTuple):
    """What an argument or return shares memory with: `(a!)`, `(a -> *)`, `(b|a)`."""

    before: tuple[str, ...]
    is_write: bool = False
    after: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = "|".join(self.before) + ("!" if self.is_write else "")
        return f"({text} -> {'|'.join(self.after)})" if self.after else f"({text})"


class Type(NamedTuple):
    """A type: a name (`Tensor`, `Dict`), or a constructor (`[]`, `?`, `()`) over `args`."""

    name: str
    args: tuple[Type, ...] = ()
    size: int | None = None
    alias: Alias | None = None

    @property
    def is_optional(self) -> bool:
        """Tell whether None is a value."""
        return self.name == "?"

    @property
    def is_list(self) -> bool:
        """Tell whether this is a list, optional or not."""
        return self.name == "[]" or (self.is_optional and self.args[0].is_list)

    @property
    def base(self) -> str:
        """Name the innermost element of lists and optionals."""
        return self.args[0].base if self.name in ("[]", "?") else self.name

    def aliases(self) -> tuple[Alias, ...]:
        """Return this type's alias annotations, outermost first."""
        inner = tuple(each for arg in self.args for each in arg.aliases())
        return inner if self.alias is None else (self.alias, *inner)

    def __str__(self) -> str:
        if self.name == "[]":
            text = f"{self.args[0]}[{'' if self.size is None else self.size}]"
        elif self.name == "?":
            text = f"{self.args[0]}?"
        elif self.args or self.name == "()":
            inside = ", ".join(map(str, self.args))
            text = f"{'' if self.name == '()' else self.name}({inside})"
        else:
            text = self.name
        return text if self.alias is None else text + str(self.alias)


class Argument(NamedTuple):
    """One parameter, or one return (whose name may be empty)."""

    name: str
    type: Type
    default: Default = MISSING
    kwarg_only: bool = False

    @property
    def is_write(self) -> bool:
        """Tell whether the op writes into it."""
        return any(alias.is_write for alias in self.type.aliases())

    def __str__(self) -> str:
        text = f"{self.type} {self.name}" if self.name else str(self.type)
        return text if self.default is MISSING else f"{text}={default_text(self.default)}"


class Schema(NamedTuple):
    """One overload of one op: its name, parameters and returns.

    >>> from franken.core.schema.parser import parse
    >>> schema = parse("relu_(Tensor(a!) self) -> Tensor(a!)")
    >>> schema.is_inplace, schema.alias_groups()
    (True, {'a': (('argument', 0), ('return', 0))})
    """

    namespace: str
    name: str
    overload: str
    arguments: tuple[Argument, ...]
    returns: tuple[Argument, ...]
    is_vararg: bool = False
    is_varret: bool = False

    @property
    def is_out(self) -> bool:
        """Tell whether results go into a keyword-only argument (`out=`)."""
        return any(arg.kwarg_only and arg.is_write for arg in self.arguments)

    @property
    def is_inplace(self) -> bool:
        """Tell whether the op overwrites its first argument and says so by name."""
        says_so = self.name.endswith("_") and not self.name.endswith("__")
        says_so = says_so or (self.name.startswith("__i") and self.name.endswith("__"))
        return says_so and not self.is_out and bool(self.arguments) and self.arguments[0].is_write

    @property
    def is_mutable(self) -> bool:
        """Tell whether any argument is written."""
        return any(arg.is_write for arg in self.arguments)

    @property
    def is_view(self) -> bool:
        """Tell whether a return shares an argument's memory without writing to it."""
        given = {name for arg in self.arguments for a in arg.type.aliases() for name in a.before}
        return not self.is_mutable and any(
            name in given
            for each in self.returns for alias in each.type.aliases() for name in alias.before
        )  # fmt: skip

    def alias_groups(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Return, by alias letter, the arguments and returns that share memory."""
        groups: dict[str, tuple[tuple[str, int], ...]] = {}
        for role, members in (("argument", self.arguments), ("return", self.returns)):
            for index, member in enumerate(members):
                for alias in member.type.aliases():
                    for letter in alias.before:
                        groups[letter] = (*groups.get(letter, ()), (role, index))
        return groups

    def __str__(self) -> str:
        head = f"{self.namespace}::{self.name}" if self.namespace else self.name
        head += f".{self.overload}" if self.overload else ""
        return f"{head}({self._parameters_text()}) -> {self._returns_text()}"

    def _parameters_text(self) -> str:
        parts = [str(arg) for arg in self.arguments if not arg.kwarg_only]
        named = [str(arg) for arg in self.arguments if arg.kwarg_only]
        parts += ["*", *named] if named else []
        parts += ["..."] if self.is_vararg else []
        return ", ".join(parts)

    def _returns_text(self) -> str:
        parts = [str(each) for each in self.returns] + (["..."] if self.is_varret else [])
        # One return stands bare, unless it would then read as several.
        bare = len(parts) == 1 and not parts[0].startswith("(")
        return parts[0] if bare else f"({', '.join(parts)})"


_ESCAPES: Final = {
    "\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r",
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v",
}  # fmt: skip


def default_text(value: Default) -> str:
    """Spell a default as torch prints it.

    >>> default_text((1, True, 2.0, "a"))
    '[1, True, 2., "a"]'
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(default_text, value))}]"
    if isinstance(value, Symbol):
        return str(value)
    if isinstance(value, str):
        return f'"{"".join(_ESCAPES.get(each, each) for each in value)}"'
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, complex):
        sign = "" if _float_text(value.imag).startswith("-") else "+"
        return f"{_float_text(value.real)}{sign}{_float_text(value.imag)}j"
    return str(value)


def _float_text(value: float) -> str:
    text = format(value, ".17g")
    return text + "." if text.lstrip("-").isdigit() else text
