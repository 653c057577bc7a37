"""Take a deflated archive member apart, in bounded pieces.

Believes neither the size that a directory states nor the stream: both must agree, and no more is
ever produced than was asked for. Knows spans and zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from ..errors import FormatError
from .source import Source
from .spans import Span

# What one deflated tensor may take in memory, unless the caller says otherwise.
MAX_INFLATED: Final = 1 << 30
# Deflate cannot pack more than 1032 bytes into one (zlib's technical notes); beyond, a lie.
MAX_RATIO: Final = 1032
_PIECE: Final = 1 << 20


def check_ratio(name: str, packed: int, inflated: int) -> None:
    """Raise FormatError if a stream of ``packed`` bytes cannot hold ``inflated`` bytes.

    >>> check_ratio("w", 100, 100_000)
    """
    if inflated > (packed + 16) * MAX_RATIO:
        raise FormatError("bad_layout", f"{name!r}: {packed} bytes cannot inflate to {inflated}")


def inflated_pieces(source: Source, span: Span) -> Iterator[bytes]:
    """Yield the bytes of a deflated span's stream, a piece of at most 1 MiB at a time.

    FormatError if it is not a sound stream or not of ``span.inflated`` bytes.
    """
    check_ratio(span.name, span.end - span.begin, span.inflated)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    left = span.inflated
    for begin in range(span.begin, span.end, _PIECE):
        packed = source.read(begin, min(_PIECE, span.end - begin))
        while packed and not stream.eof:
            piece = _decompress(stream, packed, span.name)
            packed = stream.unconsumed_tail
            left -= len(piece)
            if left < 0:
                raise FormatError("bad_layout", f"{span.name!r} inflates to more than it states")
            if piece:
                yield piece
    while not stream.eof:
        piece = _decompress(stream, b"", span.name)
        left -= len(piece)
        if not piece or left < 0:
            break
        yield piece
    if left or not stream.eof:
        raise FormatError("truncated", f"{span.name!r}: {left} bytes of its stream are missing")


def inflate(source: Source, span: Span, limit: int = MAX_INFLATED) -> bytes:
    """Return the whole stream of a deflated span, of at most ``limit`` bytes."""
    if span.inflated > limit:
        raise FormatError(
            "too_large", f"{span.name!r} inflates to {span.inflated} bytes, limit {limit}"
        )
    return b"".join(inflated_pieces(source, span))


def _decompress(stream: zlib._Decompress, packed: bytes, name: str) -> bytes:
    try:
        return stream.decompress(packed, _PIECE)
    except zlib.error as error:
        raise FormatError("bad_layout", f"{name!r} is no deflate stream: {error}") from None
