"""Named tuples as torch returns them: `torch.return_types.max(values=..., indices=...)`.

A maker and a registry of the types made. Knows no Tensor and no op.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

ALL: dict[str, type] = {}
"""Every type made, by name: what `torch.return_types` holds."""


class StructSequence(tuple[Any, ...]):
    """A tuple whose entries have names; built from one iterable, as torch's are."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    n_fields = n_sequence_fields = n_unnamed_fields = 0

    def __new__(cls, *values: Any) -> Any:
        if len(values) == 2 and isinstance(values[1], dict):  # as pickles of torch's have it
            values = values[:1]
        given = tuple(values[0]) if len(values) == 1 else values
        if len(given) != len(cls._fields):
            raise TypeError(
                f"{cls.__name__}() takes a {len(cls._fields)}-sequence "
                f"({len(given)}-sequence given)"
            )
        return tuple.__new__(cls, given)

    @classmethod
    def _make(cls, values: Iterable[Any]) -> Any:
        return cls(values)

    def __repr__(self) -> str:
        body = ",\n".join(f"{n}={v!r}" for n, v in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{body})"

    def __reduce__(self) -> Any:
        return _rebuild, (type(self).__name__, tuple(self))


def make(name: str, *fields: str) -> Any:
    """Return the tuple type `name` with the given fields, made once.

    >>> make("max", "values", "indices")([1, 2])
    torch.return_types.max(
    values=1,
    indices=2)
    """
    found = ALL.get(name)
    if found is None:
        body: dict[str, Any] = {f: property(itemgetter(i)) for i, f in enumerate(fields)}
        body.update(__slots__=(), _fields=fields, n_fields=len(fields),
                    n_sequence_fields=len(fields))  # fmt: skip
        found = ALL[name] = type(name, (StructSequence,), body)
        found.__module__ = "torch.return_types"
    return found


def _rebuild(name: str, values: tuple[Any, ...]) -> Any:
    return ALL[name](values)
