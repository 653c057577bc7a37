"""Store nested state: dictionaries, lists, tuples, scalars and text around arrays. No pickle.

A file is a safetensors file; its metadata holds the nesting as JSON and a SHA-256 of each array and
of the nesting, so any safetensors reader can still list and open the arrays. Reading fails closed:
an unknown version, field or tag is an error. Knows no Tensor.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import OrderedDict
from typing import Any, Final

import numpy as np

from . import safetensors
from .digest import digest_array
from .elements import little_endian
from .errors import FormatError

VERSION: Final = "1"
MAX_DEPTH: Final = 64
_FIELDS: Final = {"franken.version", "franken.tree", "franken.tree_sha256", "franken.sha256"}
_FLOATS: Final = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_STORABLE: Final = {*safetensors.DTYPES.values(), np.dtype(np.complex128)}
# Python refuses to parse longer integers by default; one bound for both directions.
_MAX_INT_BITS: Final = 4096


def save_file(value: Any, path: str | os.PathLike[str]) -> None:
    """Write a nested value to ``path``, atomically.

    Takes None, bool, int, float, complex, str, bytes, list, tuple, dict, OrderedDict, NumPy arrays
    and NumPy scalars, of exactly these types; others raise TypeError. An array met twice is stored
    once.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file({"step": 3, "state": {0: (np.arange(2), None)}}, folder + "/a.franken")
    ...     load_file(folder + "/a.franken")
    {'step': 3, 'state': {0: (array([0, 1]), None)}}
    """
    arrays, metadata = _pack(value)
    safetensors.save_file(arrays, path, metadata)


def load_file(path: str | os.PathLike[str], *, mmap: bool = True, verify: bool = True) -> Any:
    """Return the nested value stored in ``path``.

    ``verify`` recomputes each array's SHA-256, which reads the whole file; without it pages are
    read when touched. Raises FormatError for anything this version does not know.
    """
    arrays, header = safetensors.read_file(path, mmap=mmap)
    return _unpack(arrays, header.metadata, verify)


def save(value: Any) -> bytes:
    """Return what ``save_file`` would write.

    >>> load(save([1, (2.5, "x")]))
    [1, (2.5, 'x')]
    """
    return safetensors.save(*_pack(value))


def load(data: bytes, *, verify: bool = True) -> Any:
    """Return the nested value in the bytes that ``save`` made."""
    buffer = np.frombuffer(data, np.uint8)
    return _unpack(safetensors.load(data), safetensors.parse_header(buffer).metadata, verify)


def storable(dtype: np.dtype[Any]) -> bool:
    """Return whether the container holds arrays of this dtype as they are.

    >>> storable(np.dtype("c16")), storable(np.dtype("U3"))
    (True, False)
    """
    return dtype in _STORABLE


def _pack(value: Any) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    writer = _Writer()
    tree = json.dumps(writer.node(value, "", 0), separators=(",", ":"), allow_nan=False)
    digests = {name: digest_array(array) for name, array in writer.arrays.items()}
    return writer.arrays, {
        "franken.version": VERSION,
        "franken.tree": tree,
        "franken.tree_sha256": _sha256(tree),
        "franken.sha256": json.dumps(digests, sort_keys=True, separators=(",", ":")),
    }


def _unpack(arrays: dict[str, Any], metadata: dict[str, str], verify: bool) -> Any:
    _check_fields(metadata)
    tree = _json(metadata["franken.tree"])
    digests = _json(metadata["franken.sha256"])
    if type(digests) is not dict or digests.keys() != arrays.keys():
        raise FormatError("bad_header", "native: the digests do not name exactly the arrays")
    if verify:
        _verify(arrays, digests)
    reader = _Reader(arrays)
    value = reader.value(tree, 0)
    unused = arrays.keys() - reader.used
    if unused:
        raise FormatError("bad_tree", f"native: arrays in no place of the tree: {sorted(unused)}")
    return value


def _check_fields(metadata: dict[str, str]) -> None:
    version = metadata.get("franken.version")
    if version != VERSION:
        raise FormatError("unknown_version", f"native: version {version!r}, expected {VERSION!r}")
    if metadata.keys() != _FIELDS:
        raise FormatError("bad_header", f"native: unexpected fields {sorted(metadata)}")
    if _sha256(metadata["franken.tree"]) != metadata["franken.tree_sha256"]:
        raise FormatError("digest_mismatch", "native: the tree is not the one that was written")


def _verify(arrays: dict[str, Any], digests: dict[str, Any]) -> None:
    for name, array in arrays.items():
        if digest_array(array) != digests[name]:
            raise FormatError("digest_mismatch", f"native: array {name!r} was altered")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError("bad_tree", f"native: not JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormatError("bad_tree", "native: a field occurs twice")
    return fields


def _refuse_constant(text: str) -> Any:
    raise FormatError("bad_tree", f"native: {text} in the tree")


class _Writer:
    """Turn values into JSON nodes and collect the arrays.

    None, bool, int and str are themselves, and so is a finite float; everything else is an object
    with one field, its tag.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        # Keeps the array beside its name: an id is unique only while its object lives.
        self._seen: dict[int, tuple[Any, Any]] = {}

    def node(self, value: Any, place: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise FormatError("too_large", f"native: nested deeper than {MAX_DEPTH} at {place!r}")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int or kind is float or kind is complex or kind is bytes:
            return _encode_scalar(value)
        if kind is list or kind is tuple:
            items = [self.node(v, f"{place}/{i}", depth + 1) for i, v in enumerate(value)]
            return {kind.__name__: items}
        if kind is dict or kind is OrderedDict:
            pairs = [self._pair(k, v, place, depth + 1) for k, v in value.items()]
            return {"dict" if kind is dict else "ordered": pairs}
        if kind is np.ndarray:
            return self._array(value, place)
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), place)}
        raise TypeError(f"native: cannot store {kind.__name__} at {place or '/'!r}")

    def _pair(self, key: Any, value: Any, place: str, depth: int) -> list[Any]:
        _check_key(key, place)
        return [self.node(key, place, depth), self.node(value, f"{place}/{key}", depth)]

    def _array(self, array: np.ndarray[Any, Any], place: str) -> Any:
        if id(array) not in self._seen:
            self._seen[id(array)] = (self._store(array, place), array)
        return self._seen[id(array)][0]

    def _store(self, array: np.ndarray[Any, Any], place: str) -> Any:
        # safetensors has no complex128: it lies there as pairs of float64.
        array = little_endian(array)
        wide = array.dtype == np.complex128
        if not storable(array.dtype):
            raise FormatError(
                "bad_dtype", f"native: cannot store dtype {array.dtype} at {place or '/'!r}"
            )
        name = place.lstrip("/") or "value"
        while name in self.arrays:
            name += "'"
        self.arrays[name] = _as_pairs(array) if wide else array
        return {"complex128" if wide else "array": name}


class _Reader:
    """Turn JSON nodes back into values; each tag it does not know is an error."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = arrays
        self.used: set[str] = set()
        self._wide: dict[str, Any] = {}

    def value(self, node: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise FormatError("too_large", f"native: nested deeper than {MAX_DEPTH}")
        if type(node) is not dict:
            return _plain(node)
        if len(node) != 1:
            raise FormatError("bad_tree", f"native: a node has the fields {sorted(node)}")
        ((tag, payload),) = node.items()
        if tag in ("list", "tuple"):
            items = [self.value(item, depth + 1) for item in _expect(payload, list)]
            return items if tag == "list" else tuple(items)
        if tag in ("dict", "ordered"):
            return self._mapping(OrderedDict() if tag == "ordered" else {}, payload, depth + 1)
        if tag == "scalar":
            return self._scalar(payload, depth + 1)
        if tag in ("array", "complex128"):
            return self._array(tag, _expect(payload, str))
        return _decode_scalar(tag, payload)

    def _mapping(self, result: dict[Any, Any], payload: Any, depth: int) -> dict[Any, Any]:
        pairs = _expect(payload, list)
        for pair in pairs:
            if type(pair) is not list or len(pair) != 2:
                raise FormatError("bad_tree", "native: a dictionary entry is not a pair")
            key = self.value(pair[0], depth)
            if not _is_key(key):
                raise FormatError("bad_tree", f"native: {type(key).__name__} as dictionary key")
            result[key] = self.value(pair[1], depth)
        if len(result) != len(pairs):
            raise FormatError("bad_tree", "native: a dictionary key occurs twice")
        return result

    def _array(self, tag: str, name: str) -> Any:
        if name not in self.arrays:
            raise FormatError("bad_tree", f"native: no array named {name!r}")
        self.used.add(name)
        if tag == "array":
            return self.arrays[name]
        if name not in self._wide:
            self._wide[name] = _from_pairs(name, self.arrays[name])
        return self._wide[name]

    def _scalar(self, payload: Any, depth: int) -> Any:
        array = self.value(payload, depth)
        if type(array) is not np.ndarray or array.ndim:
            raise FormatError("bad_tree", "native: a scalar is not an array without dimensions")
        return array[()]


def _is_key(key: Any) -> bool:
    if type(key) is tuple:
        return all(map(_is_key, key))
    return key is None or type(key) in (bool, int, float, str, bytes)


def _check_key(key: Any, place: str) -> None:
    if not _is_key(key):
        raise TypeError(f"native: cannot store a {type(key).__name__} as key at {place or '/'!r}")


def _encode_scalar(value: Any) -> Any:
    if type(value) is int:
        if value.bit_length() > _MAX_INT_BITS:
            raise FormatError("too_large", f"native: integer of {value.bit_length()} bits")
        return value
    if type(value) is complex:
        return {"complex": [_encode_scalar(value.real), _encode_scalar(value.imag)]}
    if type(value) is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    if value != value or value in (_FLOATS["inf"], _FLOATS["-inf"]):
        return {"float": repr(value)}
    return value


def _decode_scalar(tag: str, payload: Any) -> Any:
    if tag == "float" and type(payload) is str and payload in _FLOATS:
        return _FLOATS[payload]
    if tag == "bytes":
        return _decode_bytes(_expect(payload, str))
    if tag == "complex" and type(payload) is list and len(payload) == 2:
        return complex(_real(payload[0]), _real(payload[1]))
    raise FormatError("bad_tree", f"native: unknown node {tag!r}")


def _decode_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise FormatError("bad_tree", f"native: bytes are not base64: {error}") from None


def _real(node: Any) -> float:
    if type(node) is float:
        return _plain(node)
    if type(node) is dict and node.keys() == {"float"}:
        return _decode_scalar("float", node["float"])
    raise FormatError("bad_tree", f"native: a part of a complex number is {node!r}")


def _plain(node: Any) -> Any:
    # A list is never bare; and a literal such as 1e999 would arrive as an infinity never written.
    if type(node) is list or (type(node) is float and abs(node) == _FLOATS["inf"]):
        raise FormatError("bad_tree", f"native: a bare {type(node).__name__}")
    if type(node) is int and node.bit_length() > _MAX_INT_BITS:
        raise FormatError("too_large", f"native: integer of {node.bit_length()} bits")
    return node


def _expect(payload: Any, kind: type) -> Any:
    if type(payload) is not kind:
        raise FormatError("bad_tree", f"native: expected a {kind.__name__}, got {payload!r:.80}")
    return payload


def _as_pairs(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(array).view(np.float64).reshape(*array.shape, 2)


def _from_pairs(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype != np.float64 or array.shape[-1:] != (2,):
        raise FormatError("bad_tree", f"native: {name!r} is not made of pairs of float64")
    return np.ascontiguousarray(array).view(np.complex128).reshape(array.shape[:-1])
