"""Say whether a file is what was protected, and if not, what is damaged and whether it comes back.

Reads only. Without a sidecar nothing can be proven: the structure is checked, and elements that are
not finite are counted.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import FormatError
from ..formats.inspection import bad_checksums
from ..formats.layout import Layout, Span, read_layout, read_tensor
from .assess import assess, open_source
from .errors import BadInput, FileChanged, reading
from .report import MemberState, TensorState, VerifyReport, report_of
from .scan import Progress
from .source import StrPath, state_of

_STEP: Final = 1 << 20


def verify(
    path: StrPath,
    *,
    sidecar: StrPath | None = None,
    workers: int | None = None,
    progress: Progress = None,
) -> VerifyReport:
    """Compare a file, or a set, with its sidecar; "not proven" if it has none.

    >>> import pathlib, tempfile
    >>> from franken.serialization.durability import protect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.bin")
    ...     _ = path.write_bytes(bytes(10_000))
    ...     _ = protect(path)
    ...     sound = verify(path).status
    ...     _ = path.write_bytes(b"flip" + bytes(9_996))
    ...     sound, verify(path).status
    ('intact', 'repairable')
    """
    started = time.perf_counter()
    opened = open_source(path, sidecar)
    if opened is None:
        return _unproven(path, started)
    result = assess(*opened, workers=workers, progress=progress)
    return report_of(result, time.perf_counter() - started)


def _unproven(path: StrPath, started: float) -> VerifyReport:
    before = state_of(path)
    if before is None:
        raise BadInput(f"{os.fspath(path)}: No such file or directory", reason="missing")
    name, label = os.path.basename(os.fspath(path)), os.fspath(path)
    try:
        with reading(path):
            layout = read_layout(path)
            tensors, notes = _finite(path, layout, name)
            # A suspicion and no proof: torch can be told to write checksums that do not count.
            notes += [
                f"{each}: its bytes have another CRC-32 than the archive states"
                for each in bad_checksums(Path(path))
            ]
        status = "not proven"
        notes = ["no sidecar: nothing proves the bytes", *layout.notes, *notes]
        kind = layout.format
    except FormatError as error:
        status, kind, tensors = "lost", "unknown", ()
        notes = [f"no sidecar, and the structure is broken: {error}"]
    if state_of(path) != before:
        raise FileChanged(f"{label}: it changed while it was read")
    state = "not proven" if status == "not proven" else "lost"
    member = MemberState(name, before.size, before.size, "", None, state)
    return VerifyReport(
        path=label, sidecar=None, status=status, format=kind, size=before.size, tensors=tensors,
        members=(member,), notes=tuple(notes), seconds=time.perf_counter() - started,
    )  # fmt: skip


def _finite(path: StrPath, layout: Layout, name: str) -> tuple[tuple[TensorState, ...], list[str]]:
    rows, notes = [], []
    for span in layout.spans:
        rows.append(
            TensorState(span.name, span.dtype, tuple(span.shape), span.begin, span.end, name,
                        "not proven")
        )  # fmt: skip
        bad = _not_finite(path, span)
        if bad:
            notes.append(f"{span.name}: {bad} elements are NaN or infinite")
    return tuple(rows), notes


def _not_finite(path: StrPath, span: Span) -> int:
    if not span.dtype.startswith(("F", "BF", "C", "<f", ">f", "<c", ">c")):
        return 0
    if span.alias_of is not None or span.dtype.startswith(("F4", "C32", "F8_E8M0")):
        return 0
    flat: np.ndarray[Any, Any] = read_tensor(path, span).reshape(-1)
    bad = 0
    # In pieces, so that the temporary masks stay small.
    for first in range(0, flat.size, _STEP):
        part = flat[first : first + _STEP]
        bad += part.size - int(np.isfinite(part).sum())
    return bad
