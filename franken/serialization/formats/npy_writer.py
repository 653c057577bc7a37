"""Write tensors as .npy files: one array, or a folder of them with an index of their names.

The index is that of sharded checkpoints (`index`), so that a folder is read as one checkpoint.
Each appears whole or not at all. Knows NumPy arrays and what NumPy's format cannot hold.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from ..atomic import _sync_directory, atomic_write, write_bytes
from ..elements import little_endian
from ..errors import FormatError
from . import npy
from .spans import NAMES
from .torch_writer import pieces

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]

INDEX: Final = "npy.index.json"
_NUMPY_KINDS: Final = frozenset("biufcSUmM")
_PLAIN_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"


def write_npy(path: Path, array: Array, *, widen: bool = False) -> bool:
    """Write one array to ``path``; return whether it was stored as float32, as ``widen`` allows.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npy(folder + "/a.npy", np.ones(2, np.float16))
    ...     np.load(folder + "/a.npy")
    False
    array([1., 1.], dtype=float16)
    """
    widened = must_widen("npy", "the array", array, widen)
    with atomic_write(path) as file:
        for part in npy_parts(array, widened)[1]:
            file.write(part)
    return widened


def write_npy_folder(
    folder: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None,
    *, widen: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """Write each tensor to a file in ``folder``, which must not exist; return the widened names.

    A file has its tensor's name where that is a plain file name. FileExistsError; FormatError for
    bfloat16 and float8 without ``widen``.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npy_folder(folder + "/a", {"w": np.ones(2), "b/c": np.zeros(3)})
    ...     sorted(os.listdir(folder + "/a"))
    ()
    ['npy.index.json', 'tensor-1.npy', 'w.npy']
    """
    target = os.path.abspath(folder)
    if os.path.lexists(target):
        raise FileExistsError(17, "File exists", target)
    files = _file_names(tensors)
    hidden = os.path.join(os.path.dirname(target), f".{os.path.basename(target)[:64]}."
                          f"{secrets.token_hex(8)}.tmp")  # fmt: skip
    os.mkdir(hidden)
    try:
        widened = tuple(
            name for name, array in tensors.items()
            if write_npy(os.path.join(hidden, files[name]), array, widen=widen)
        )  # fmt: skip
        index = {"metadata": dict(metadata or {}), "weight_map": files}
        write_bytes(os.path.join(hidden, INDEX), json.dumps(index, indent=1).encode() + b"\n")
        os.rename(hidden, target)
    finally:
        _remove(hidden)
    _sync_directory(os.path.dirname(target))
    return widened


def must_widen(kind: str, name: str, array: Array, widen: bool) -> bool:
    """Return whether a tensor is to be stored as float32, because NumPy lacks its dtype.

    FormatError if it has no place in NumPy's format, or ``widen`` is not given.

    >>> must_widen("npy", "w", np.ones(2), False)
    False
    """
    dtype = little_endian(np.asarray(array)).dtype
    # ml_dtypes gives some of its types a kind of NumPy's own; "2" marks a registered type.
    if dtype.kind in _NUMPY_KINDS and dtype.isbuiltin != 2:
        return False
    if dtype not in NAMES:
        raise FormatError("bad_dtype", f"{kind}: cannot store {name!r} of dtype {dtype}")
    if not widen:
        raise FormatError(
            "bad_dtype",
            f"{kind}: NumPy has no {NAMES[dtype]}, the dtype of {name!r}; store it as float32",
        )
    return True


def npy_parts(array: Array, widened: bool) -> tuple[int, Iterable[Any]]:
    """Return the length of an array's .npy file, and its bytes in parts."""
    plain = little_endian(np.asarray(array))
    if widened:
        plain = plain.astype(np.float32)
    header = npy.header_bytes(plain.dtype, plain.shape)
    return len(header) + plain.nbytes, (p for group in ([header], pieces(plain)) for p in group)


def _file_names(tensors: Iterable[str]) -> dict[str, str]:
    files: dict[str, str] = {}
    taken: set[str] = set()
    for number, name in enumerate(tensors):
        # Folded: some file systems take "W" and "w" for one name.
        plain = re.fullmatch(_PLAIN_NAME, name) and name.casefold() not in taken
        numbered = name.casefold().startswith("tensor-")  # kept for those without a plain name
        files[name] = f"{name}.npy" if plain and not numbered else f"tensor-{number}.npy"
        taken.add(name.casefold())
    return files


def _remove(folder: str) -> None:
    """Remove the folder of a writer that failed; nothing if it was renamed."""
    if os.path.isdir(folder):
        for each in os.listdir(folder):
            os.unlink(os.path.join(folder, each))
        os.rmdir(folder)
