"""Find the tensors of a checkpoint file, whatever its format, by its content.

Chooses the reader and reads tensors by their spans. Executes nothing that a file holds: a
pickle is taken apart as data. Knows no sidecar.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from ..errors import FormatError
from . import index, npy, npz, safetensors_layout, torch_zip, zip_reader
from .inflate import MAX_INFLATED, inflate
from .source import Source, open_source
from .spans import FORMATS, Layout, Span, extent, numpy_dtype

__all__ = ["FORMATS", "Layout", "Span", "read_layout", "read_tensor", "read_tensors"]

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]

_HEAD: Final = 64
_SUFFIXES: Final = frozenset({".safetensors", ".pt", ".pth", ".ckpt", ".npz", ".npy"})


def read_layout(path: Path) -> Layout:
    """Return where the tensors of the file ``path`` lie; "plain" if it is no known format.

    The content decides, not the name. FormatError, with a reason, if the file begins like a known
    format and is not a sound file of it; OSError if it cannot be read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".npy") as file:
    ...     np.save(file.name, np.ones((2, 3), np.float32))
    ...     layout = read_layout(file.name)
    >>> layout.format, layout.spans[0].shape, layout.spans[0].dtype
    ('npy', (2, 3), 'F32')
    """
    with open_source(path) as source:
        return _read(source)


def _read(source: Source) -> Layout:
    head = source.head(_HEAD)
    if safetensors_layout.begins(head):
        return safetensors_layout.read(source)
    if npy.begins(head):
        return npy.read(source)
    if zip_reader.begins(head):
        return _read_zip(source)
    if torch_zip.is_legacy(head):
        raise FormatError(
            "unknown_version",
            "torch: a file of the format before torch 1.6; load it and save it again with torch",
        )
    if index.begins(head) and (found := index.read(source)) is not None:
        return found
    return Layout("plain", notes=_plain_notes(source.path))


def _read_zip(source: Source) -> Layout:
    members = zip_reader.read_directory(source)
    if (root := torch_zip.archive_name(members)) is not None:
        return torch_zip.read(source, members, root)
    if npz.matches(members):
        return npz.read(source, members)
    return Layout("plain", notes=(f"a zip archive of {len(members)} members, none an array",))


def _plain_notes(path: str) -> tuple[str, ...]:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in _SUFFIXES:
        return (f"named {suffix}, and does not begin like such a file",)
    return ()


def read_tensor(path: Path, span: Span, *, limit: int = MAX_INFLATED) -> Array:
    """Return one tensor of ``path`` as a read-only array.

    A view of the mapped file where the bytes lie there as they are; what is compressed is
    inflated, up to ``limit`` bytes. FormatError if the file no longer has the span.
    """
    return read_tensors(path, (span,), limit=limit)[span.name]


def read_tensors(
    path: Path, spans: Iterable[Span], *, limit: int = MAX_INFLATED
) -> dict[str, Array]:
    """Return tensors of ``path`` by name, on one mapping: those that share bytes share memory."""
    with open_source(path) as source:
        mapped = mmap.mmap(source.descriptor, 0, access=mmap.ACCESS_READ) if source.size else b""
        return {span.name: _array(source, mapped, span, limit) for span in spans}


def _array(source: Source, mapped: mmap.mmap | bytes, span: Span, limit: int) -> Array:
    dtype = numpy_dtype(span.dtype)
    if not 0 <= span.begin <= span.end <= source.size:
        raise FormatError(
            "truncated",
            f"{span.name!r} in bytes {span.begin} to {span.end} of a file of {source.size}",
        )
    buffer: mmap.mmap | bytes = mapped
    offset, end = span.begin, span.end
    if span.codec == "deflate":
        buffer, offset = inflate(source, span, limit), span.skip
        end = len(buffer)
    strides = None
    if span.strides is not None:
        strides = tuple(stride * dtype.itemsize for stride in span.strides)
    if extent(span.shape, span.strides) * dtype.itemsize > end - offset:
        raise FormatError("bad_layout", f"{span.name!r}: {span.shape} in {end - offset} bytes")
    return _view(span, buffer, dtype, offset, strides)


def _view(
    span: Span,
    buffer: mmap.mmap | bytes,
    dtype: np.dtype[Any],
    offset: int,
    strides: tuple[int, ...] | None,
) -> Array:
    try:
        if span.count == 0:
            return np.empty(span.shape, dtype)
        size = extent(span.shape, span.strides) * dtype.itemsize
        raw: Array = np.ndarray((size,), np.uint8, buffer, offset)
        # Other writers may not align; NumPy reads such arrays, but ml_dtypes and kernels need not.
        if raw.ctypes.data % dtype.alignment:
            raw = raw.copy()
        # Checked on the bytes and not the elements: of those an expanded tensor can have 2**60.
        if dtype == np.bool_ and raw.max() > 1:
            raise FormatError("bad_layout", f"{span.name!r} is BOOL and has a byte above 1")
        array: Array = np.ndarray(span.shape, dtype, raw.data, 0, strides)
    except (ValueError, TypeError) as error:  # sizes that overflow beside a size of zero
        if isinstance(error, FormatError):
            raise
        raise FormatError("bad_layout", f"{span.name!r}: {error}") from None
    array.flags.writeable = False
    return array
