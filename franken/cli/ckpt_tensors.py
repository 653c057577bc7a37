"""The tensors of a checkpoint, whether it is one file or an index with its members.

Knows readers; no command line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from franken.serialization.errors import FormatError
from franken.serialization.formats.layout import Layout, Span, read_layout, read_tensors


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
    """Return the tensors of a file; of an index, those of its members.

    FormatError if a file is broken or two members hold a tensor of one name.
    """
    layout = read_layout(path)
    tensors: dict[str, tuple[str, Span]] = {}
    folder = os.path.dirname(path)
    files = [os.path.join(folder, each) for each in layout.members] or [path]
    for file in files:
        spans = layout.spans if file == path else read_layout(file).spans
        for span in spans:
            if span.name in tensors:
                raise FormatError("bad_layout", f"{file}: {span.name!r} is in two files")
            tensors[span.name] = (file, span)
    return Checkpoint(path, layout, tensors)
