"""The header of a .npy array, read without evaluating it, and written.

The header is the text of a Python dictionary; NumPy's own reader evaluates it as a literal, this
one knows only the few tokens that such a dictionary has. Knows no archive.
Source: NEP 1 and the documentation of numpy.lib.format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import FormatError
from .source import Source
from .spans import Layout, Span, check_shape, short_name, simple_descr

MAGIC: Final = b"\x93NUMPY"
MAX_HEADER: Final = 64 << 10
ALIGNMENT: Final = 64
_MAX_DEPTH: Final = 8
_TOKENS: Final = r"""\s*(?:('[^'\\\n]*'|"[^"\\\n]*")|(True|False)|(\d{1,20})L?|([][{}(),:]))"""


@dataclass(frozen=True, slots=True)
class Header:
    """What a .npy header states, and where the elements begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int
    note: str = ""


def begins(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a .npy array.

    >>> begins(MAGIC + bytes([1, 0])), begins(b"NUMPY")
    (True, False)
    """
    return head.startswith(MAGIC)


def read(source: Source) -> Layout:
    """Return the layout of a .npy file: one tensor, named "array"."""
    header = parse_header(source.head(MAX_HEADER + 12))
    end = header.start + nbytes(header)
    if end > source.size:
        raise FormatError(
            "truncated", f"npy: {header.dtype} {header.shape} needs {end} bytes of {source.size}"
        )
    notes: tuple[str, ...] = (header.note,) if header.note else ()
    if end < source.size:
        notes += (f"{source.size - end} bytes follow the array",)
    return Layout("npy", (span_of("array", header, 0, end),), notes=notes)


def parse_header(head: bytes) -> Header:
    """Return the header at the beginning of ``head``; FormatError if it is not one.

    >>> parse_header(header_bytes(np.dtype("<f4"), (2, 3))).shape
    (2, 3)
    """
    end = header_length(head)
    if end > len(head):
        raise FormatError("truncated", f"npy: header until byte {end} in {len(head)}")
    start = 10 if head[6] == 1 else 12
    try:
        text = head[start:end].decode("utf-8" if head[6] == 3 else "latin-1")
    except UnicodeDecodeError:
        raise FormatError("bad_header", "npy: the header is not UTF-8") from None
    return _header(_Literal(text).value(), end)


def header_length(head: bytes) -> int:
    """Return where the elements begin, from the first 12 bytes; FormatError above the bound.

    >>> header_length(header_bytes(np.dtype("<f4"), (2, 3)))
    128
    """
    if not begins(head) or len(head) < 12:
        raise FormatError("bad_header", "npy: no magic at the beginning")
    version = head[6]
    if version not in (1, 2, 3) or head[7]:
        raise FormatError("unknown_version", f"npy: version {head[6]}.{head[7]}")
    start = 10 if version == 1 else 12
    size = int.from_bytes(head[8:start], "little")
    if size > MAX_HEADER:
        raise FormatError("too_large", f"npy: header of {size} bytes, limit {MAX_HEADER}")
    return start + size


def header_bytes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the magic and header of an array in C order, padded to 64 bytes as NumPy pads.

    >>> len(header_bytes(np.dtype("<f4"), (2, 3)))
    128
    """
    text = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    padding = -(10 + len(text) + 1) % ALIGNMENT
    body = text.encode("latin-1") + b" " * padding + b"\n"
    return MAGIC + b"\x01\x00" + len(body).to_bytes(2, "little") + body


def span_of(name: str, header: Header, begin: int, end: int) -> Span:
    """Return the span of an uncompressed array that starts at byte ``begin`` with its header."""
    first = begin + header.start
    last = first + nbytes(header)
    if last > end:
        raise FormatError("truncated", f"npy: {name!r} needs bytes until {last}, has until {end}")
    return Span(name, dtype_name(header), header.shape, first, last, strides=strides(header))


def nbytes(header: Header) -> int:
    """Return the bytes of the elements.

    >>> nbytes(Header(np.dtype("<f4"), (2, 3), False, 128))
    24
    """
    count = header.dtype.itemsize
    for size in header.shape:
        count *= size
    return count


def strides(header: Header) -> tuple[int, ...] | None:
    """Return the strides of the header's array; None in C order.

    >>> strides(Header(np.dtype("<f4"), (2, 3), True, 128))
    (1, 2)
    """
    if not header.fortran or len(header.shape) < 2:
        return None
    steps, step = [], 1
    for size in header.shape:
        steps.append(step)
        step *= max(size, 1)
    return tuple(steps)


def dtype_name(header: Header) -> str:
    """Return the name of the header's dtype as spans have it; nested ones are raw bytes.

    >>> dtype_name(Header(np.dtype([("a", "<f4"), ("b", "u1")]), (2,), False, 128))
    '|V5'
    """
    return f"|V{header.dtype.itemsize}" if header.dtype.fields else short_name(header.dtype)


# -- the header's text --


def _header(fields: Any, start: int) -> Header:
    if type(fields) is not dict or fields.keys() != {"descr", "fortran_order", "shape"}:
        raise FormatError("bad_header", "npy: needs exactly descr, fortran_order and shape")
    shape, fortran = fields["shape"], fields["fortran_order"]
    if type(shape) is not tuple or type(fortran) is not bool:
        raise FormatError("bad_header", "npy: the shape is no tuple, or fortran_order no bool")
    descr = fields["descr"]
    note = "" if type(descr) is str else "elements of a structured dtype are shown as raw bytes"
    dtype = _dtype(descr, 0)
    sizes = check_shape("array", shape)
    if dtype.itemsize == 0 and 0 not in sizes:
        raise FormatError("bad_dtype", f"npy: elements of dtype {dtype} have no bytes")
    return Header(dtype, sizes, fortran, start, note)


def _dtype(descr: Any, depth: int) -> np.dtype[Any]:
    if type(descr) is str:
        return simple_descr(descr)
    if type(descr) is not list or not descr or depth > _MAX_DEPTH:
        raise FormatError("bad_dtype", "npy: descr is neither text nor a list of fields")
    try:
        return np.dtype([_field(item, depth) for item in descr])
    except (TypeError, ValueError) as error:
        raise FormatError("bad_dtype", f"npy: descr: {error}") from None


def _field(item: Any, depth: int) -> tuple[Any, ...]:
    if type(item) is not tuple or len(item) not in (2, 3) or type(item[0]) is not str:
        raise FormatError("bad_dtype", "npy: a field of descr is not (name, dtype)")
    dtype = _dtype(item[1], depth + 1)
    if len(item) == 2:
        return item[0], dtype
    if type(item[2]) is not tuple:
        raise FormatError("bad_dtype", "npy: the shape of a field of descr is no tuple")
    return item[0], dtype, check_shape(item[0], item[2])


class _Literal:
    """A recursive reader of the text: dictionaries, tuples, lists, text, numbers, True, False."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.token: tuple[str | None, ...] = ()
        self._pattern = re.compile(_TOKENS)  # compiled when used: importing stays cheap
        self._advance()

    def value(self) -> Any:
        result = self._value(0)
        if self.token or self.text[self.at :].strip():
            raise self._error()
        return result

    def _advance(self) -> None:
        match = self._pattern.match(self.text, self.at)
        self.token = match.groups() if match else ()
        self.at = match.end() if match else self.at

    def _error(self) -> FormatError:
        return FormatError("bad_header", f"npy: header not understood near character {self.at}")

    def _value(self, depth: int) -> Any:
        if not self.token or depth > _MAX_DEPTH:
            raise self._error()
        text, boolean, number, mark = self.token
        self._advance()
        if text is not None:
            return text[1:-1]
        if boolean is not None:
            return boolean == "True"
        if number is not None:
            return int(number)
        if mark == "{":
            return dict(self._items("}", depth, self._pair))
        if mark == "[":
            return list(self._items("]", depth, self._value))
        if mark == "(":
            return self._tuple(depth)
        raise self._error()

    def _tuple(self, depth: int) -> Any:
        items = list(self._items(")", depth, self._value))
        # "(3)" is a number in brackets; older writers never leave the comma out.
        if len(items) == 1 and not self.comma:
            raise self._error()
        return tuple(items)

    def _pair(self, depth: int) -> tuple[str, Any]:
        key = self._value(depth)
        if type(key) is not str:
            raise self._error()
        self._mark(":")
        return key, self._value(depth)

    def _items(self, closing: str, depth: int, item: Any) -> Any:
        self.comma = False
        items: list[Any] = []
        while not (self.token and self.token[3] == closing):
            if items and not self.comma:
                raise self._error()
            items.append(item(depth + 1))
            self.comma = bool(self.token and self.token[3] == ",")
            if self.comma:
                self._advance()
        self._advance()
        return items

    def _mark(self, mark: str) -> None:
        if not self.token or self.token[3] != mark:
            raise self._error()
        self._advance()
