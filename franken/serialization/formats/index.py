"""The layout of an index file: JSON that says which file of a set holds which tensor.

As written for sharded safetensors and torch checkpoints (`*.index.json`): a "weight_map" from
names to files beside the index. Opens none of those files.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

from ..errors import FormatError
from .source import Source, open_source
from .spans import Layout
from .zip_reader import check_name

MAX_INDEX: Final = 32 << 20
_MAX_METADATA: Final = 1000


def begins(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` may be an index: it is JSON.

    >>> begins(b'  {"weight_map": {}}'), begins(b"[1, 2]")
    (True, False)
    """
    return head.lstrip(b" \t\r\n")[:1] == b"{"


def read(source: Source) -> Layout | None:
    """Return the layout of an index; None if the file is other JSON, or no JSON at all."""
    fields = _parse(source)
    if fields is None:
        return None
    weight_map, metadata = fields["weight_map"], fields.get("metadata", {})
    if type(weight_map) is not dict or type(metadata) is not dict:
        raise FormatError("bad_header", "index: weight_map or metadata is no JSON object")
    members = _members(weight_map)
    texts = {str(key): _text(value) for key, value in list(metadata.items())[:_MAX_METADATA]}
    texts["tensors"] = str(len(weight_map))
    return Layout("index", (), texts, _missing(source.path, members), members)


def read_weight_map(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the names and files of a checked index; FormatError if ``path`` is none."""
    with open_source(path) as source:
        fields = _parse(source)
    if fields is None or type(fields["weight_map"]) is not dict:
        raise FormatError("bad_header", "index: no weight_map")
    _members(fields["weight_map"])
    return fields["weight_map"]


def _parse(source: Source) -> dict[str, Any] | None:
    if source.size > MAX_INDEX:
        return None
    data = source.read(0, source.size)
    # Before anything is parsed: JSON of another kind is not read for nothing.
    if b'"weight_map"' not in data:
        return None
    try:
        fields = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError("bad_header", f"index: not JSON: {error}") from None
    return fields if type(fields) is dict and "weight_map" in fields else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormatError("bad_header", "index: a name occurs twice")
    return fields


def _members(files: dict[str, Any]) -> tuple[str, ...]:
    if any(type(file) is not str for file in files.values()):
        raise FormatError("bad_header", "index: weight_map names something that is no file")
    return tuple(check_name(file) for file in sorted(set(files.values())))


def _missing(path: str, members: tuple[str, ...]) -> tuple[str, ...]:
    folder = os.path.dirname(path)
    absent = [name for name in members if not os.path.isfile(os.path.join(folder, name))]
    return tuple(f"the member {name!r} is missing" for name in absent)


def _text(value: Any) -> str:
    # Nested values are of no use to a reader, and writing them out may recurse too deeply.
    if type(value) in (str, int, float, bool):
        return str(value)[:1000]
    return type(value).__name__
