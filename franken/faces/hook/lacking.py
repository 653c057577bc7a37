"""Names of torch's that franken lacks: a program fails where it uses one, not where it names one.

Where a program is ready for a name not to be there (`hasattr`, `getattr` with a default, a `try`
around the line or around the import of the module that has the line), it gets the error that Python
has for it. Elsewhere it gets a stand-in, which raises when it is called, asked for its truth, or
gone through, and which nothing is an instance of. A module that is being imported may call it (most
often as a decorator), and gets another one. What was named is kept for the end of the run.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections.abc import Iterator
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType, ModuleType
from typing import Any, Final, NoReturn

from franken.faces.spaces import missing

NOTHING: Final = object()
# torch's name -> the line that asked for it first.
ASKED: Final[dict[str, str]] = {}
_IMPORTS: Final = "<frozen importlib._bootstrap>"
_READY_FOR: Final = {
    "AttributeError": {"AttributeError", "ImportError", "Exception", "BaseException"},
    "ImportError": {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"},
}


def answer(module: str, name: str, known: Any) -> Any:
    """A stand-in for a name that a module lacks, or the AttributeError for it."""
    error = missing(module, name, known)
    asking = _asking()
    if asking is None or name.startswith("__"):
        raise error
    word = _opcode(asking)
    ready = _READY_FOR["ImportError" if word == "IMPORT_FROM" else "AttributeError"]
    if word not in ("IMPORT_FROM", "LOAD_ATTR", "LOAD_METHOD") or _is_ready(asking, ready):
        raise error
    return _stand_in(f"{module}.{name}", str(error), asking)


def may_pretend(module: str) -> bool:
    """Whether an import of a module that franken lacks is answered with a stand-in.

    Not if the program only asks whether it is there, and not if it is ready for its absence.
    """
    asking = _asking(lambda frame: frame.f_code.co_name == "_handle_fromlist")
    if asking is None or _opcode(asking) != "IMPORT_NAME":
        return False
    if _is_ready(asking, _READY_FOR["ImportError"]):
        return False
    ASKED.setdefault(module, _place(asking))
    return True


# --- stand-ins -----------------------------------------------------------------------------------


class Lacking(ABCMeta):
    """The class of stand-ins: classes, so that `isinstance`, annotations and `|` take them."""

    _full: str
    _why: str
    _place: str

    def _fail(cls) -> NoReturn:
        said = f"{cls._why} (franken has no {cls._full}; {cls._place} asked for it)"
        raise AttributeError(said, name=cls.__name__)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        asking = _asking()
        if asking is not None and _is_imported(asking):
            return _stand_in(f"{cls._full}()", cls._why, asking)
        cls._fail()

    def __bool__(cls) -> bool:
        cls._fail()

    def __iter__(cls) -> Iterator[Any]:
        cls._fail()

    def __getitem__(cls, item: Any) -> Any:
        return cls  # `Name[int]` in an annotation

    def __instancecheck__(cls, instance: Any) -> bool:
        return False

    def __getattr__(cls, name: str) -> Any:
        asking = _asking()
        if asking is None or name.startswith("_") or _is_hasattr(asking):
            raise AttributeError(cls._why, name=name)
        return _stand_in(f"{cls._full}.{name}", cls._why, asking)

    def __repr__(cls) -> str:
        return f"<not in franken: {cls._full}>"


def _stand_in(full: str, why: str, asking: FrameType) -> Any:
    place = _place(asking)
    if not full.endswith("()"):
        ASKED.setdefault(full, place)
    module, _, name = full.rpartition(".")
    said = {"_full": full, "_why": why, "_place": place}
    return Lacking(name, (), {**said, "__module__": module})


class LackingModule(ModuleType):
    """Stands for a module that franken lacks; its names are stand-ins too."""

    def __getattr__(self, name: str) -> Any:
        return answer(self.__name__, name, ())


# --- who asks, and whether it is ready for an error ----------------------------------------------


def _asking(refuses: Any = None) -> FrameType | None:
    """The program's frame that an import or a look-up comes from; None if library code asks."""
    frame: FrameType | None = sys._getframe(1)
    here = __file__.rpartition("lacking")[0]
    while frame is not None:
        file = frame.f_code.co_filename
        if refuses is not None and file == _IMPORTS and refuses(frame):
            return None
        if file != _IMPORTS and not file.startswith(here):
            return frame
        frame = frame.f_back
    return None


def _is_imported(frame: FrameType) -> bool:
    """Whether a frame is a module being imported, or a class in one: it makes what may be used."""
    is_function = frame.f_code.co_flags & CO_OPTIMIZED
    return not is_function and frame.f_globals.get("__name__") != "__main__"


def _opcode(frame: FrameType) -> str:
    import dis

    return dis.opname[frame.f_code.co_code[frame.f_lasti]]


def _is_hasattr(frame: FrameType) -> bool:
    return _opcode(frame) not in ("LOAD_ATTR", "LOAD_METHOD")


def _is_ready(frame: FrameType | None, errors: set[str]) -> bool:
    """Whether an error at a frame's line is caught, there or around the import of its file."""
    while frame is not None:
        if _is_caught(frame.f_code, frame.f_lasti, errors):
            return True
        if frame.f_code.co_name != "<module>":
            return False
        # Whoever catches everything around an import is not looking for this.
        errors = {"ImportError", "ModuleNotFoundError"} | errors & {"AttributeError"}
        frame = frame.f_back
        while frame is not None and _is_machinery(frame):
            frame = frame.f_back
    return False


def _is_machinery(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == "importlib"


def _is_caught(code: CodeType, at: int, errors: set[str]) -> bool:
    import dis

    listing = dis.Bytecode(code)
    entries = listing.exception_entries  # type: ignore[attr-defined]
    steps = list(listing)
    seen: set[int] = set()
    while at not in seen:
        seen.add(at)
        handler = next((e.target for e in entries if e.start <= at < e.end), None)
        if handler is None:
            return False
        if _catches(steps, handler, errors):
            return True
        at = handler
    return False


def _catches(steps: list[Any], handler: int, errors: set[str]) -> bool:
    """Whether the code at `handler` is a `with`, or an `except` for one of `errors`."""
    names: set[str] = set()
    body = [s for s in steps if s.offset >= handler]
    skip_to = handler
    for step, after in zip(body, body[1:], strict=False):
        if step.offset < skip_to:
            continue
        if step.opname == "PUSH_EXC_INFO" and after.opname in ("POP_TOP", "WITH_EXCEPT_START"):
            return True
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_ATTR"):
            names.add(step.argval)
        elif step.opname == "CHECK_EXC_MATCH":
            if names & errors:
                return True
            names, skip_to = set(), after.argval
        elif step.opname in ("RERAISE", "POP_EXCEPT", "RETURN_VALUE"):
            return False
    return False


def _place(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__', '?')} ({frame.f_code.co_filename}:{frame.f_lineno})"
