"""torch.export: no graph is taken of a program; what would need one raises."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["Dim", "ExportedProgram", "dims", "export", "load", "register_dataclass", "save"]


class ExportedProgram:
    """A program as a graph: there are none."""


class _DimHint:
    """What is said of a size: it may vary, or it is fixed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Dim:
    """A named size that varies between bounds, in what `export` is told."""

    AUTO, DYNAMIC, STATIC = _DimHint("AUTO"), _DimHint("DYNAMIC"), _DimHint("STATIC")

    def __init__(self, name: str, *, min: int | None = None, max: int | None = None) -> None:
        self.__name__, self.min, self.max = name, min or 0, max


def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several sizes with the same bounds."""
    return tuple(Dim(name, min=min, max=max) for name in names)


def register_dataclass(cls: type, *, serialized_type_name: str | None = None) -> None:
    """Nothing: no program is exported."""


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: franken takes no graph of a program."""
    raise NotImplementedError("torch.export: franken takes no graph of a program")


save = load = unflatten = draft_export = export
