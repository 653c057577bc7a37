"""Public forms that ask overrides first: armed while a mode is active or a subclass exists.

A plain call pays nothing for overrides. Only once a class derives from Tensor, and while a mode is
active in any thread, do public functions, methods and accessors carry other code, which asks those
concerned before it runs the function's own. The function objects stay the same, and with them what
others hold of them. Knows no op.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from threading import RLock
from types import CodeType, FunctionType
from typing import Any

from franken.core.overriding.dispatch import ALL_OFF, asked, disabled_torch_function, dispatch
from franken.core.overriding.names import operator_method
from franken.core.state import STATE
from franken.core.tensor import Tensor, attach

_BINARY_WORDS = """
add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul eq
ne lt le gt ge and or xor rand ror rxor lshift rshift rlshift rrshift iadd isub imul itruediv
ifloordiv imod ipow iand ior ixor ilshift irshift
"""
_BINARY = frozenset(_BINARY_WORDS.split())
# What nobody answers for a tensor: how it is made, told apart and passed on.
_OWN_WORDS = """
__new__ __init__ __init_subclass__ __hash__ __iter__ __torch_function__ as_subclass
"""
_OWN = frozenset(_OWN_WORDS.split())


class Entry:
    """One armed function: the public one, what it did, and how it is told to overrides."""

    __slots__ = ("alone", "func", "operator", "plain")

    def __init__(self, func: Any, plain: Any, operator: bool, alone: bool) -> None:
        self.func, self.plain, self.operator, self.alone = func, plain, operator, alone

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call as overrides answer it, or as ever."""
        off, modes = STATE.functions_off, STATE.function_modes
        if STATE.functions_skip:
            STATE.functions_skip = False
            return self.plain(*args, **kwargs)
        if off == ALL_OFF or (off and not modes):
            return self.plain(*args, **kwargs)
        found = [] if off else asked(args, kwargs)
        if not found and not modes:
            return self.plain(*args, **kwargs)
        if not self.operator:
            return dispatch(self.func, args, kwargs, found, self.alone)
        try:
            return dispatch(self.func, args, kwargs, found, self.alone)
        except TypeError:
            return NotImplemented


@cache
def _blank(free: int) -> CodeType:
    """Code that runs "entry", of a function that closes over `free` variables: they must be
    real ones, since debuggers read them."""
    names = "".join([f"free{i}, " for i in range(free)])
    text = f"def outer({names}):\n def armed(*args, **kwargs):\n  return 'entry'.run(args, kwargs)"
    code = compile(f"{text}\n  ({names})\n return armed", __file__, "exec")
    for _ in ("outer", "armed"):
        code = next(c for c in code.co_consts if isinstance(c, CodeType))
    return code


_LOCK = RLock()


class Armoury:
    """Which functions are armed, and how many subclasses and modes want them to be."""

    __slots__ = ("entries", "sources", "wanted")

    def __init__(self) -> None:
        self.entries: dict[Any, Entry] = {}
        self.sources: list[Any] = []  # each gives the public functions of a kind
        self.wanted = 0

    def want(self, more: int) -> None:
        """Count one that wants public forms armed (1), or one that does no more (-1)."""
        with _LOCK:
            self._want(more)

    def _want(self, more: int) -> None:
        self.wanted += more
        if self.wanted and not self.entries:
            self.refresh()
        elif not self.wanted:
            for carrier in list(self.entries):
                self._disarm(carrier)

    def refresh(self) -> None:
        """Arm what is not armed yet, if anybody wants it."""
        if self.wanted:
            for source in (_accessors, _methods, *self.sources):
                for carrier, func, operator, alone in source():
                    if carrier not in self.entries:
                        self._arm(carrier, func, operator, alone)

    def _arm(self, carrier: Any, func: Any, operator: bool, alone: bool) -> None:
        code = carrier.__code__
        plain = FunctionType(
            code, carrier.__globals__, carrier.__name__, carrier.__defaults__, carrier.__closure__
        )
        plain.__kwdefaults__ = carrier.__kwdefaults__
        plain.__dict__.update(carrier.__dict__)
        plain.__annotations__ = carrier.__annotations__
        entry = self.entries[carrier] = Entry(func, plain, operator, alone)
        carrier.__code__ = _carrying(entry, code)
        carrier.__dict__.setdefault("__wrapped__", plain)  # whose signature is shown

    def _disarm(self, carrier: Any) -> None:
        plain = self.entries.pop(carrier).plain
        carrier.__code__ = plain.__code__
        if carrier.__dict__.get("__wrapped__") is plain:
            del carrier.__wrapped__


def _carrying(entry: Entry, code: CodeType) -> CodeType:
    """Code that runs the entry, in a function with the closure of `code`."""
    blank = _blank(len(code.co_freevars))
    return blank.replace(
        co_consts=tuple([entry if c == "entry" else c for c in blank.co_consts]),
        co_name=code.co_name, co_qualname=code.co_qualname,
    )  # fmt: skip


ARMOURY = Armoury()


def unarmed(fn: Any) -> Any:
    """The function with its own code, whatever is armed."""
    try:
        entry = ARMOURY.entries.get(fn)
    except TypeError:  # not hashable, hence none of ours
        return fn
    return fn if entry is None else entry.plain


Carried = tuple[Any, Any, bool, bool]  # function with the code, public function, operator?, alone?


def _accessors() -> Iterator[Carried]:
    for value in list(vars(Tensor).values()):
        if type(value) is property:
            if type(value.fget) is FunctionType:
                yield value.fget, value.__get__, False, True
            if type(value.fset) is FunctionType:
                yield value.fset, value.__set__, False, True


def _methods() -> Iterator[Carried]:
    members = dict(vars(Tensor))
    for name, value in members.items():
        special = name[:2] == "__"
        if type(value) is FunctionType and name not in _OWN and (special or name[0] != "_"):
            short = name.strip("_") if special else ""
            func = members.get(operator_method(short), value) if special else value
            code = value.__code__
            alone = code.co_argcount == 1 and not code.co_flags & 12 and not code.co_kwonlyargcount
            yield value, func, special and short in _BINARY, alone


def _subclassed(cls: Any, /, **kwargs: Any) -> None:
    super(Tensor, cls).__init_subclass__(**kwargs)
    if cls.__torch_function__ is not disabled_torch_function:
        ARMOURY.want(1)


attach(__init_subclass__=classmethod(_subclassed))
