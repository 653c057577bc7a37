"""The tensors of a checkpoint, whether it is one file or an index with its members.

Knows readers; no command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from franken.serialization.errors import FormatError
from franken.serialization.formats.index import read_weight_map
from franken.serialization.formats.layout import Layout, Span, read_layout, read_tensors
from franken.serialization.formats.npy_writer import INDEX


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file's layout, and every tensor by name: its file and where it lies there."""

    path: str
    layout: Layout
    tensors: dict[str, tuple[str, Span]]

    def read(self, name: str) -> Any:
        """Return one tensor as a read-only array."""
        file, span = self.tensors[name]
        return read_tensors(file, (span,))[span.name]

    def read_all(self) -> dict[str, Any]:
        """Return all tensors; those that share bytes in their file share memory."""
        by_file: dict[str, list[Span]] = {}
        for file, span in self.tensors.values():
            by_file.setdefault(file, []).append(span)
        arrays: dict[str, Any] = {}
        for file, spans in by_file.items():
            arrays.update(read_tensors(file, spans))
        return {name: arrays[name] for name in self.tensors}


def open_checkpoint(path: str) -> Checkpoint:
    """Return the tensors of a file; of an index, or a folder of .npy with one, of its members.

    FormatError if a file is broken or two members hold a tensor of one name.
    """
    if os.path.isfile(inside := os.path.join(path, INDEX)):
        path = inside
    layout = read_layout(path)
    tensors: dict[str, tuple[str, Span]] = {}
    for file, span in _members(path, layout):
        if span.name in tensors:
            raise FormatError("bad_layout", f"{file}: {span.name!r} is in two files")
        tensors[span.name] = (file, span)
    return Checkpoint(path, layout, tensors)


def _members(path: str, layout: Layout) -> Iterator[tuple[str, Span]]:
    """Yield file and span of every tensor; a .npy has no name for its own but the index's."""
    if not layout.members:
        yield from ((path, span) for span in layout.spans)
        return
    names: dict[str, list[str]] = {}
    for name, member in read_weight_map(path).items():
        names.setdefault(member, []).append(name)
    for member in layout.members:
        file = os.path.join(os.path.dirname(path), member)
        found = read_layout(file)
        for span in found.spans:
            for name in names[member] if found.format == "npy" else [span.name]:
                yield file, replace(span, name=name)
