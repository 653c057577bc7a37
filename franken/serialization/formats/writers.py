"""Write tensors in the formats that other programs read: what ``convert`` needs.

Each file appears whole or not at all, and the same tensors give the same bytes. Knows NumPy
arrays; which formats share memory, and which cannot hold a dtype, is said here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import safetensors
from ..atomic import atomic_write
from .npy_writer import must_widen, npy_parts, write_npy, write_npy_folder
from .torch_writer import write_torch
from .zip_writer import ZipWriter

__all__ = ["write_npy", "write_npy_folder", "write_npz", "write_safetensors", "write_torch"]

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]


def write_safetensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write ``tensors`` to ``path`` as safetensors; those that share memory are each stored.

    FormatError for a dtype that safetensors lacks, such as complex128.

    >>> import tempfile
    >>> from .layout import read_layout
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_safetensors(folder + "/a", {"w": np.ones(3, np.float16)}, {"by": "me"})
    ...     read_layout(folder + "/a").metadata
    {'by': 'me'}
    """
    safetensors.save_file(tensors, path, metadata)


def write_npz(path: Path, tensors: Mapping[str, Array], *, widen: bool = False) -> tuple[str, ...]:
    """Write ``tensors`` to ``path`` as an uncompressed .npz; return the names that were widened.

    NumPy has no bfloat16 and no float8: such tensors raise FormatError, and with ``widen`` they
    are stored as float32, which holds each of their values exactly.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npz(folder + "/a.npz", {"w": np.ones(2, np.float32)})
    ...     np.load(folder + "/a.npz")["w"]
    ()
    array([1., 1.], dtype=float32)
    """
    widened = tuple(
        name for name, array in tensors.items() if must_widen("npz", name, array, widen)
    )
    with atomic_write(path) as file:
        archive = ZipWriter(file)
        for name, array in tensors.items():
            length, parts = npy_parts(array, name in widened)
            archive.add(f"{name}.npy", parts, length)
        archive.close()
    return widened
