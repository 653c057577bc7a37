"""The elements of a stored tensor in C order, a block at a time.

Memory stays within a few blocks whatever the tensor's size, its strides and its packing are.
Knows spans and files; computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from ..errors import FormatError
from .inflate import MAX_INFLATED, inflated_pieces
from .layout import read_tensor
from .source import Source, open_source
from .spans import Layout, Span, extent, numpy_dtype

Array = np.ndarray[Any, Any]

BLOCK: Final = 4 << 20
# An expanded tensor has more elements than bytes: a file may state this many times its size.
_MAX_EXPANSION: Final = 64
_ALLOWANCE: Final = 1 << 30


def check_budget(layout: Layout, size: int) -> None:
    """Raise FormatError if the elements of all tensors are far more than a file of ``size`` holds.

    A few bytes can state a tensor of 2**60 elements, by strides of zero or by deflation.
    """
    total = sum(span.nbytes for span in layout.spans)
    limit = _MAX_EXPANSION * size + _ALLOWANCE
    if total > limit:
        raise FormatError("too_large", f"{total} bytes of elements in {size} bytes, limit {limit}")


def blocks(path: str, span: Span, *, count: int | None = None) -> Iterator[Array]:
    """Yield the elements of a span in C order, as one-dimensional arrays of ``count`` elements.

    The last one may be shorter. A block is valid until the next one is asked for.
    """
    dtype = numpy_dtype(span.dtype)
    count = count or max(1, BLOCK // dtype.itemsize)
    if span.count == 0:
        return
    if span.strides is not None:
        array = read_tensor(path, span, limit=MAX_INFLATED)
        for begin in range(0, array.size, count):
            yield array.flat[begin : begin + count]
        return
    with open_source(path) as source:
        parts = _inflated(source, span) if span.codec == "deflate" else _stored(source, span)
        yield from _regroup(parts, dtype, count)


def _stored(source: Source, span: Span) -> Iterator[bytes]:
    size = extent(span.shape, None) * numpy_dtype(span.dtype).itemsize
    if span.end - span.begin < size:
        raise FormatError("bad_layout", f"{span.name!r}: {size} bytes from {span.begin}")
    for begin in range(span.begin, span.begin + size, BLOCK):
        yield source.read(begin, min(BLOCK, span.begin + size - begin))


def _inflated(source: Source, span: Span) -> Iterator[bytes]:
    skip, left = span.skip, span.nbytes
    for piece in inflated_pieces(source, span):
        part = piece[skip : skip + left]
        skip = max(0, skip - len(piece))
        left -= len(part)
        if part:
            yield part
    if left:
        raise FormatError("truncated", f"{span.name!r}: its stream lacks {left} bytes")


def _regroup(parts: Iterable[bytes], dtype: np.dtype[Any], count: int) -> Iterator[Array]:
    """Yield blocks of exactly ``count`` elements from bytes cut anywhere."""
    size = count * dtype.itemsize
    kept = bytearray()
    for part in parts:
        if not kept and len(part) == size:
            yield np.frombuffer(part, dtype)
            continue
        kept += part
        while len(kept) >= size:
            yield np.frombuffer(bytes(kept[:size]), dtype)
            del kept[:size]
    if kept:
        yield np.frombuffer(bytes(kept), dtype)
