"""Read and write the safetensors format, on NumPy arrays.

A file is a header length (8 bytes, little endian), a JSON header, and the elements of the tensors
one after the other. Nothing in a file is executed, and nothing is believed: the header's length is
bounded, and offsets, shapes and sizes must agree and cover the data exactly once.
Source: the format description in the README of the safetensors project, and its released package.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import ml_dtypes
import numpy as np

from .atomic import atomic_write
from .elements import element_bytes, little_endian
from .errors import FormatError

Array = np.ndarray[Any, Any]

# The official reader's own bound.
MAX_HEADER: Final = 100_000_000
# NumPy's bound on dimensions; a longer shape cannot become an array.
MAX_DIMS: Final = 64
_METADATA: Final = "__metadata__"

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "I16": np.dtype(np.int16),
    "U16": np.dtype(np.uint16),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I32": np.dtype(np.int32),
    "U32": np.dtype(np.uint32),
    "F32": np.dtype(np.float32),
    "C64": np.dtype(np.complex64),
    "F64": np.dtype(np.float64),
    "I64": np.dtype(np.int64),
    "U64": np.dtype(np.uint64),
}
_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor lies: its dtype, shape, and bytes ``begin`` to ``end`` of the data."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header: entries by name in the file's order, metadata, and where data starts."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data_start: int


def save(arrays: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a safetensors file that holds ``arrays``.

    The same arrays and metadata give the same bytes, whatever the order of the mappings.

    >>> load(save({"w": np.arange(3, dtype=np.int16)}))["w"]
    array([0, 1, 2], dtype=int16)
    """
    header, ordered = _layout(arrays, metadata)
    return b"".join([header, *(element_bytes(array) for array in ordered)])


def save_file(
    arrays: Mapping[str, Array],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write ``arrays`` to ``path`` as safetensors; the file appears whole or not at all.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"b": np.ones(2, np.float32)}, folder + "/a.safetensors")
    ...     load_file(folder + "/a.safetensors")["b"]
    array([1., 1.], dtype=float32)
    """
    header, ordered = _layout(arrays, metadata)
    with atomic_write(path) as file:
        file.write(header)
        for array in ordered:
            file.write(element_bytes(array))


def load(data: bytes | bytearray | memoryview) -> dict[str, Array]:
    """Return the arrays in the bytes of a safetensors file, as writable copies.

    Raises FormatError for anything the format does not allow.

    >>> load(save({"x": np.float64(2.5)}))["x"]
    array(2.5)
    """
    buffer = np.frombuffer(data, np.uint8)
    return {name: array.copy() for name, array in _views(buffer, parse_header(buffer)).items()}


def load_file(
    path: str | os.PathLike[str], *, mmap: bool = True, max_header: int = MAX_HEADER
) -> dict[str, Array]:
    """Return the arrays in the safetensors file ``path``.

    With ``mmap`` the file is mapped copy-on-write: pages are read when touched, and writing to an
    array changes neither the file nor other readers. The file must not be shortened meanwhile.
    """
    return read_file(path, mmap=mmap, max_header=max_header)[0]


def read_file(
    path: str | os.PathLike[str], *, mmap: bool = True, max_header: int = MAX_HEADER
) -> tuple[dict[str, Array], Header]:
    """Return the arrays of ``path`` as ``load_file`` does, and the header with its metadata."""
    buffer = _open(path, mmap)
    header = parse_header(buffer, max_header=max_header)
    return _views(buffer, header), header


def parse_header(buffer: Array, *, max_header: int = MAX_HEADER) -> Header:
    """Check the header of a whole file, given as uint8, and return it."""
    size = _header_size(buffer, max_header)
    fields = _parse_json(buffer[8 : 8 + size].tobytes())
    metadata = _check_metadata(fields.pop(_METADATA, {}))
    entries = {name: _parse_entry(name, entry) for name, entry in fields.items()}
    _check_coverage(entries, buffer.size - 8 - size)
    return Header(entries, metadata, 8 + size)


# -- writing --


def _layout(
    arrays: Mapping[str, Array], metadata: Mapping[str, str] | None
) -> tuple[bytes, list[Array]]:
    """Return the header's bytes and the arrays in file order."""
    _require_little_endian()
    normal = {_check_name(name): _normalized(name, array) for name, array in arrays.items()}
    # Wide elements first, then by name: each tensor then starts at a multiple of its item size.
    order = sorted(normal, key=lambda name: (-normal[name].itemsize, name))
    fields: dict[str, Any] = {}
    if metadata:
        fields[_METADATA] = dict(sorted(_check_metadata(dict(metadata)).items()))
    begin = 0
    for name in order:
        array = normal[name]
        end = begin + array.nbytes
        fields[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    return _encode_header(fields), [normal[name] for name in order]


def _encode_header(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise FormatError("too_large", f"safetensors: header of {len(text)} bytes")
    return len(text).to_bytes(8, "little") + text


def _normalized(name: str, value: Array) -> Array:
    array = little_endian(np.asarray(value))
    if array.dtype not in _NAMES:
        raise FormatError("bad_dtype", f"safetensors: cannot store {name!r} of dtype {array.dtype}")
    return array


# -- reading --


def _open(path: str | os.PathLike[str], mmap: bool) -> Array:
    # An empty file cannot be mapped; read, it fails the header check like any short file.
    if not mmap or os.path.getsize(path) == 0:
        return np.fromfile(path, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, mode="c"))


def _header_size(buffer: Array, max_header: int) -> int:
    if buffer.size < 8:
        raise FormatError("truncated", f"safetensors: {buffer.size} bytes, expected at least 8")
    size = int.from_bytes(buffer[:8].tobytes(), "little")
    if size > max_header:
        raise FormatError("too_large", f"safetensors: header of {size} bytes, limit {max_header}")
    if size > buffer.size - 8:
        raise FormatError(
            "truncated", f"safetensors: header of {size} bytes in a file of {buffer.size}"
        )
    return size


def _parse_json(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError("bad_header", f"safetensors: header is not JSON: {error}") from None
    if type(fields) is not dict:
        raise FormatError("bad_header", "safetensors: header is not a JSON object")
    return fields


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The official reader keeps the last of two equal names; which one was meant is not knowable.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormatError("bad_header", "safetensors: a name occurs twice in the header")
    for name in fields:
        _check_name(name)
    return fields


def _refuse_constant(text: str) -> NoReturn:
    raise FormatError("bad_header", f"safetensors: {text} in the header")


def _check_name(name: str) -> str:
    if not isinstance(name, str):
        raise FormatError("bad_header", f"safetensors: expected a str as name, got {name!r}")
    _check_text(name)
    return name


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("bad_header", f"safetensors: {text!r} is not valid Unicode") from None


def _check_metadata(metadata: Any) -> dict[str, str]:
    if type(metadata) is not dict:
        raise FormatError("bad_header", "safetensors: metadata is not a JSON object")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise FormatError("bad_header", f"safetensors: metadata {key!r} is not text")
        _check_text(key)
        _check_text(value)
    return metadata


def _parse_entry(name: str, entry: Any) -> Entry:
    if type(entry) is not dict or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise FormatError(
            "bad_header", f"safetensors: {name!r} needs exactly dtype, shape and data_offsets"
        )
    dtype = DTYPES.get(entry["dtype"]) if type(entry["dtype"]) is str else None
    if dtype is None:
        raise FormatError("bad_dtype", f"safetensors: {name!r} has dtype {entry['dtype']!r}")
    shape = _naturals(name, "shape", entry["shape"])
    offsets = _naturals(name, "data_offsets", entry["data_offsets"])
    if len(offsets) != 2 or len(shape) > MAX_DIMS:
        raise FormatError("bad_layout", f"safetensors: {name!r} has {offsets=}, {len(shape)=}")
    begin, end = offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise FormatError(
            "bad_layout", f"safetensors: {name!r} of {dtype} {shape} in bytes {begin} to {end}"
        )
    return Entry(dtype, shape, begin, end)


def _naturals(name: str, field: str, values: Any) -> tuple[int, ...]:
    # type() and not isinstance: JSON's true is an int to Python.
    if type(values) is not list or any(type(v) is not int or not 0 <= v < 2**63 for v in values):
        raise FormatError("bad_header", f"safetensors: {field} of {name!r} is {values!r}")
    return tuple(values)


def _check_coverage(entries: dict[str, Entry], size: int) -> None:
    """Raise unless the entries cover all ``size`` bytes of data, each once."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise FormatError(
                "bad_layout",
                f"safetensors: {name!r} starts at byte {entry.begin}, expected {position}",
            )
        position = entry.end
    if position != size:
        reason = "truncated" if position > size else "bad_layout"
        raise FormatError(
            reason, f"safetensors: tensors take {position} bytes, the file has {size}"
        )


def _views(buffer: Array, header: Header) -> dict[str, Array]:
    _require_little_endian()
    data = buffer[header.data_start :]
    return {name: _view(name, data, entry) for name, entry in header.entries.items()}


def _view(name: str, data: Array, entry: Entry) -> Array:
    raw = data[entry.begin : entry.end]
    if entry.dtype == np.bool_ and raw.size and raw.max() > 1:
        raise FormatError("bad_layout", f"safetensors: {name!r} is BOOL and has a byte above 1")
    try:
        array = raw.view(entry.dtype).reshape(entry.shape)
    except ValueError as error:  # a zero-size shape whose other sizes overflow
        raise FormatError("bad_layout", f"safetensors: {name!r}: {error}") from None
    # Other writers may not align; NumPy reads such arrays, but kernels need not.
    return array if array.flags.aligned else array.copy()


def _require_little_endian() -> None:
    if sys.byteorder != "little":
        raise FormatError("bad_dtype", "safetensors: this machine is big-endian")
