"""Which functions and classes of torch's a program called, and which are proven equal to torch's.

Proof is the record of the last conformance run: all checks of an op passed, values and derivatives,
against torch itself. Only a checkout has that record.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType
from typing import Any, Final, TextIO

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_RECORD: Final = os.path.join(
    os.path.dirname(_PACKAGE), "artifacts", "conformance", "differential.json"
)
_SPACES: Final = (
    "torch", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.special", "torch.nn",
    "torch.optim", "torch.optim.lr_scheduler", "torch.autograd", "torch.func", "torch.nn.init",
    "torch.nn.utils", "torch.utils.data", "torch.random", "torch.cuda", "torch.distributions",
)  # fmt: skip


# A function: its code, and which objects it closes over, for ops are made by the dozen.
Called = tuple[CodeType, tuple[int, ...]]


@contextmanager
def watching(out: TextIO) -> Iterator[None]:
    """Within the block, note what is called of torch's; write the list at its end."""
    called: set[Called] = set()
    inside: dict[str, bool] = {}

    def is_inside(file: str) -> bool:
        known = inside.get(file)
        if known is None:
            known = inside[file] = file.startswith(_PACKAGE + os.sep)
        return known

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and is_inside(frame.f_code.co_filename):
            caller = frame.f_back
            if caller is not None and not is_inside(caller.f_code.co_filename):
                code, known = frame.f_code, frame.f_locals if frame.f_code.co_freevars else {}
                called.add((code, tuple(id(known.get(v)) for v in code.co_freevars)))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        out.write(report(called))


def report(called: set[Called]) -> str:
    """The names of what was called, by whether they are proven."""
    known = _names()
    names = sorted({name for one in called for name in known.get(one, ())})
    results = _results()
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_verdict(name, results), []).append(name)
    lines = [f"franken: {len(names)} functions and classes of torch's were called"]
    for verdict in sorted(groups):
        lines += [f"{verdict}: {len(groups[verdict])}", *(f"  {n}" for n in groups[verdict])]
    if not results:
        lines.append(f"no record of a conformance run at {_RECORD}")
    return "\n".join((*lines, ""))


def _verdict(name: str, results: dict[str, Any]) -> str:
    """What the record says of a name."""
    short = name.removeprefix("torch.")
    found = results.get(short) or results.get(short.removeprefix("Tensor."))
    if found is None:
        return "not compared with torch op by op"
    kinds = {kind for check in found.values() for kind, count in check.items() if count}
    if kinds <= {"PASS"}:
        return "equal to torch in every check"
    return "not equal to torch in every check"


def _results() -> dict[str, Any]:
    try:
        with open(_RECORD, encoding="utf-8") as file:
            return json.load(file)["ops"]  # type: ignore[no-any-return]
    except FileNotFoundError:
        return {}


def _names() -> dict[Called, list[str]]:
    """torch's names of its functions, methods and constructors."""
    found: dict[Called, list[str]] = {}
    for space in _SPACES:
        for name, value in vars(sys.modules.get(space, _Nothing)).items():
            if not name.startswith("_"):
                _add(found, f"{space}.{name}", value)
    tensor = importlib.import_module("franken").Tensor
    for name in dir(tensor):
        _add(found, f"torch.Tensor.{name}", getattr(tensor, name, None))
    return found


class _Nothing:
    """Stands for a module that was not imported."""


def _add(found: dict[Called, list[str]], name: str, value: Any) -> None:
    if isinstance(value, type):
        value = vars(value).get("__init__")
    value = getattr(value, "__func__", value)
    if isinstance(value, FunctionType):
        cells = value.__closure__ or ()
        found.setdefault((value.__code__, tuple(id(c.cell_contents) for c in cells)), [name])
