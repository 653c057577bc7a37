"""Schemas by name and overload, for ops that users register (`franken.library`).

A registered text is parsed only when it is first looked at. Must not know which ops exist.
"""

from __future__ import annotations

from franken.core.schema.model import Schema, SchemaError
from franken.core.schema.parser import parse


class Registry:
    """Schemas by name and overload; texts are kept as given until they are looked up.

    >>> registry = Registry()
    >>> registry.register("neg(Tensor self) -> Tensor")
    >>> registry.lookup("neg").returns[0].type.base
    'Tensor'
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Schema | str]] = {}

    def register(self, schema: Schema | str) -> None:
        """Add one overload; SchemaError if that name and overload are taken."""
        name, overload = _key(schema)
        overloads = self._entries.setdefault(name, {})
        if overload in overloads:
            raise SchemaError(
                f"register: {_spell(name, overload)} is registered already\n"
                f"  as: {overloads[overload]}\n  got: {schema}"
            )
        overloads[overload] = schema
        if isinstance(schema, Schema):
            try:
                self._check_distinct(name, overload, schema)
            except SchemaError:
                del overloads[overload]
                raise

    def lookup(self, name: str, overload: str = "") -> Schema:
        """Return one overload; SchemaError if there is none, or if it clashes with a sibling."""
        found = self._entries.get(name, {}).get(overload)
        if found is None:
            known = ", ".join(_spell(name, each) for each in self._entries.get(name, {}))
            raise SchemaError(
                f"lookup: no schema {_spell(name, overload)}; known overloads: {known or 'none'}"
            )
        if isinstance(found, str):
            found = self._entries[name][overload] = parse(found)
            self._check_distinct(name, overload, found)
        return found

    def overloads(self, name: str) -> tuple[str, ...]:
        """Return the overload names registered under `name`, oldest first."""
        return tuple(self._entries.get(name, ()))

    def names(self) -> tuple[str, ...]:
        """Return every registered name, oldest first."""
        return tuple(self._entries)

    def _check_distinct(self, name: str, overload: str, schema: Schema) -> None:
        for other, entry in self._entries[name].items():
            sibling = parse(entry) if isinstance(entry, str) else entry
            if other != overload and sibling.arguments == schema.arguments:
                raise SchemaError(
                    f"register: {_spell(name, overload)} and {_spell(name, other)} take the "
                    f"same arguments, so no call can tell them apart\n  {schema}\n  {sibling}"
                )


def _key(schema: Schema | str) -> tuple[str, str]:
    if isinstance(schema, Schema):
        prefix = f"{schema.namespace}::" if schema.namespace else ""
        return prefix + schema.name, schema.overload
    head, found, _ = schema.partition("(")
    if not found:
        raise SchemaError(f"register: expected 'name(arguments) -> returns', got {schema!r}")
    name, _, overload = head.strip().partition(".")
    return name, overload


def _spell(name: str, overload: str) -> str:
    return f"{name}.{overload}" if overload else name
