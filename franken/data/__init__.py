"""The demo's data: small images of digits, shipped with the package, and a reader for UCI's.

Returns NumPy arrays. The shipped images are drawn by ``draw.py``, not written by people; README.md
in this folder says how, and where the handwritten set of the same form can be had.
"""

from __future__ import annotations

import gzip
import os
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_digits", "read_optdigits", "sklearn_optdigits"]

_PIXELS = 64
_INK = 16  # a pixel counts the inked points of a 4 x 4 block


def load_digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the shipped drawn digits: images (2000, 8, 8) of 0..16 and labels (2000,), uint8.

    Digits of each label are equally many, in shuffled order.

    >>> images, labels = load_digits()
    >>> images.shape, labels[:3].dtype, int(images.max())
    ((2000, 8, 8), dtype('uint8'), 16)
    """
    with files(__name__).joinpath("digits.npz").open("rb") as file, np.load(file) as arrays:
        return arrays["images"], arrays["labels"]


def read_optdigits(
    path: str | os.PathLike[str],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Read a file of UCI's handwritten digits, such as ``optdigits.tes``, as ``load_digits`` does.

    A name that ends in ".gz" is that of a compressed file. A line holds 64 pixels of 0..16 and the
    digit, separated by commas. Raises ValueError, with the line's number, for anything else.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "one.tes")
    ...     _ = path.write_text(",".join(["0"] * 64 + ["7"]))
    ...     images, labels = read_optdigits(path)
    >>> images.shape, labels
    ((1, 8, 8), array([7], dtype=uint8))
    """
    opened = gzip.open if os.fspath(path).endswith(".gz") else open
    with opened(path, "rt", encoding="ascii") as file:
        rows = [_parse(number, line) for number, line in enumerate(file, 1) if line.strip()]
    if not rows:
        raise ValueError(f"read_optdigits: no lines in {os.fspath(path)!r}")
    table = np.array(rows, np.uint8)
    return table[:, :_PIXELS].reshape(-1, 8, 8), table[:, _PIXELS]


def sklearn_optdigits() -> Path | None:
    """Where an installed scikit-learn keeps UCI's handwritten digits; None without it.

    Its wheel holds the file; nothing of scikit-learn is imported.
    """
    found = find_spec("sklearn")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            return path
    return None


def _parse(number: int, line: str) -> list[int]:
    fields = line.strip().split(",")
    if len(fields) != _PIXELS + 1:
        raise ValueError(
            f"read_optdigits: line {number}: expected {_PIXELS + 1} numbers, got {len(fields)}"
        )
    # isdecimal and not int(): the latter takes signs, blanks and underscores too.
    values = [int(field) if field.isdecimal() else -1 for field in fields]
    if min(values) < 0 or max(values[:_PIXELS]) > _INK or values[_PIXELS] > 9:
        raise ValueError(f"read_optdigits: line {number}: a value is out of range: {line.strip()}")
    return values
