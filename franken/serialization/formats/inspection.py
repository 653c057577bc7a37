"""What is in a checkpoint: statistics of every tensor, differences of two files, checksums.

Reads in blocks, so that memory stays bounded whatever the file. Reports facts and prints nothing.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import FormatError
from . import zip_reader
from .blocks import blocks, check_budget
from .layout import read_layout
from .source import open_source
from .spans import Layout, Span

Array = np.ndarray[Any, Any]
Path = str | os.PathLike[str]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class TensorStats:
    """Facts about one tensor.

    ``digest`` is the BLAKE2b-256 of the elements in C order: it does not depend on the format.
    ``minimum``, ``maximum`` and ``mean`` are of the finite elements; None without any, and for
    complex numbers, text and raw bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    digest: str
    minimum: float | None
    maximum: float | None
    mean: float | None
    nan: int
    inf: int
    zeros: int
    alias_of: str | None
    file: str


@dataclass(frozen=True, slots=True)
class TensorDiff:
    """How one tensor differs: in dtype or shape, then in nothing else, or in its elements.

    ``max_ulp`` counts the representable numbers between the two, with -0 and 0 as one; elements
    where exactly one side is NaN are counted in ``nan_mismatches`` instead. It is None for dtypes
    other than real floating point.
    """

    name: str
    dtypes: tuple[str, str]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    elements: int = 0
    bits: int = 0
    max_ulp: int | None = None
    nan_mismatches: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """The tensors that only the second file has, that only the first has, and that changed."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[TensorDiff, ...]
    same: int

    @property
    def equal(self) -> bool:
        """Return whether both files hold the same tensors, bit for bit."""
        return not (self.added or self.removed or self.changed)


def located(path: Path) -> list[tuple[str, Span]]:
    """Return (file, span) of every tensor of a file, or of every member of an index.

    FormatError if a member is missing, or two members have a tensor of one name.
    """
    path = os.fspath(path)
    layout = read_layout(path)
    files = [path]
    if layout.format == "index":
        files = [os.path.join(os.path.dirname(path), name) for name in layout.members]
    found: dict[str, tuple[str, Span]] = {}
    for file in files:
        for span in _member_spans(file, layout, path):
            if span.name in found:
                raise FormatError("bad_layout", f"{span.name!r} is in two files of the set")
            found[span.name] = (file, span)
    return list(found.values())


def _member_spans(file: str, layout: Layout, path: str) -> tuple[Span, ...]:
    if file == path:
        check_budget(layout, os.path.getsize(path))
        return layout.spans
    if not os.path.isfile(file):
        raise FormatError("truncated", f"the member {os.path.basename(file)!r} is missing")
    member = read_layout(file)
    if member.format == "index":
        raise FormatError("bad_layout", f"{os.path.basename(file)!r} is itself an index")
    check_budget(member, os.path.getsize(file))
    return member.spans


# -- statistics --


def stats(path: Path, *, progress: Progress | None = None) -> tuple[TensorStats, ...]:
    """Return facts about every tensor of a file or of an index's members.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".npy") as file:
    ...     np.save(file.name, np.array([1, 3, np.nan], np.float32))
    ...     found = stats(file.name)[0]
    >>> found.minimum, found.maximum, found.mean, found.nan
    (1.0, 3.0, 2.0, 1)
    """
    return tuple(each_stats(path, progress=progress))


def each_stats(path: Path, *, progress: Progress | None = None) -> Iterator[TensorStats]:
    """Yield what ``stats`` returns, each as soon as it is known.

    Tensors that name the same elements are read once.
    """
    tensors = located(path)
    total, done = sum(span.nbytes for _, span in tensors), 0
    known: dict[Any, TensorStats] = {}
    for file, span in tensors:
        place = (file, span.dtype, span.shape, span.begin, span.end, span.strides, span.skip)
        if place not in known:
            known[place] = _stats(file, span)
        done += span.nbytes
        if progress is not None:
            progress(done, total, span.name)
        yield replace(known[place], name=span.name, alias_of=span.alias_of)


def _stats(file: str, span: Span) -> TensorStats:
    hasher = hashlib.blake2b(digest_size=32)
    tally = _Tally()
    for block in blocks(file, span):
        hasher.update(block.view(np.uint8).data)
        tally.add(block)
    return TensorStats(
        span.name, span.dtype, span.shape, span.nbytes, hasher.hexdigest(), tally.minimum,
        tally.maximum, tally.mean, tally.nan, tally.inf, tally.zeros, span.alias_of,
        os.path.basename(file),
    )  # fmt: skip


class _Tally:
    """Adds up blocks of one tensor."""

    def __init__(self) -> None:
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.nan = self.inf = self.zeros = self.finite = 0
        self.sum: float | int = 0

    @property
    def mean(self) -> float | None:
        return None if self.minimum is None else self.sum / self.finite

    def add(self, block: Array) -> None:
        values = _numbers(block)
        if values is None:
            return
        self.zeros += values.size - int(np.count_nonzero(values))
        total = _total(values) if values.dtype.kind != "c" else math.nan
        # A finite sum has finite terms: most blocks need no second look.
        if not -math.inf < total < math.inf:
            values = self._finite(values)
            total = _total(values) if values.dtype.kind != "c" else math.nan
        if values.size and values.dtype.kind != "c":
            self._range(values, total)

    def _finite(self, values: Array) -> Array:
        finite = np.isfinite(values)
        nan = int(np.isnan(values).sum())
        self.nan += nan
        self.inf += values.size - int(finite.sum()) - nan
        return values[finite]

    def _range(self, values: Array, total: float | int) -> None:
        low, high = values.min().item(), values.max().item()
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)
        self.finite += values.size
        self.sum += total


def _total(values: Array) -> float | int:
    """Return the sum of a block: exact for integers, in float64 for the rest."""
    if values.dtype.kind == "f":
        # Of numbers near the end of float64's range the sum is infinite, as the mean then is.
        with np.errstate(over="ignore", invalid="ignore"):
            return float(values.sum(dtype=np.float64))
    if values.dtype.itemsize < 8:
        return int(values.sum(dtype=np.int64))
    # 64-bit integers can exceed 64 bits in sum: the halves are added apart.
    unsigned = values.astype(np.int64, copy=False) if values.dtype.kind == "i" else values
    low = int((unsigned & unsigned.dtype.type(0xFFFFFFFF)).sum(dtype=np.uint64))
    high = int((unsigned >> unsigned.dtype.type(32)).sum(dtype=unsigned.dtype))
    return (high << 32) + low


def _numbers(block: Array) -> Array | None:
    """Return a block as numbers that NumPy computes with; None if it holds none."""
    dtype = block.dtype
    if dtype == np.bool_:
        return block.view(np.uint8)
    if dtype.isbuiltin == 2:  # ml_dtypes' floats, each of which float32 holds exactly
        return block.astype(np.float32)
    return block if dtype.kind in "iufc" else None


# -- differences --


def diff(a: Path, b: Path, *, progress: Progress | None = None) -> Diff:
    """Return how the tensors of ``b`` differ from those of ``a``, by name and bit by bit.

    >>> import tempfile
    >>> from .writers import write_npz
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = folder + "/1.npz", folder + "/2.npz"
    ...     _ = write_npz(one, {"w": np.ones(3, np.float32), "old": np.ones(1)})
    ...     _ = write_npz(two, {"w": np.nextafter(np.ones(3, np.float32), np.float32(2))})
    ...     found = diff(one, two)
    >>> found.removed, found.changed[0].max_ulp, found.changed[0].elements
    (('old',), 1, 3)
    """
    first = {span.name: (file, span) for file, span in located(a)}
    second = {span.name: (file, span) for file, span in located(b)}
    common = [name for name in first if name in second]
    total, done = sum(first[name][1].nbytes for name in common), 0
    changed = []
    for name in common:
        found = _compare(*first[name], *second[name])
        if found is not None:
            changed.append(found)
        done += first[name][1].nbytes
        if progress is not None:
            progress(done, total, name)
    return Diff(
        tuple(name for name in second if name not in first),
        tuple(name for name in first if name not in second),
        tuple(changed),
        len(common) - len(changed),
    )


def _compare(file_a: str, a: Span, file_b: str, b: Span) -> TensorDiff | None:
    dtypes, shapes = (a.dtype, b.dtype), (a.shape, b.shape)
    if a.dtype != b.dtype or a.shape != b.shape:
        return TensorDiff(a.name, dtypes, shapes)
    elements = bits = nans = 0
    ulp: int | None = None
    for x, y in zip(blocks(file_a, a), blocks(file_b, b), strict=True):
        difference = x.view(np.uint8) ^ y.view(np.uint8)
        if not difference.any():
            continue
        rows = difference.reshape(x.size, x.dtype.itemsize)
        differing = rows.any(axis=1)
        elements += int(differing.sum())
        bits += int(np.bitwise_count(rows).sum(dtype=np.int64))
        far, mismatches = _ulps(x[differing], y[differing])
        nans += mismatches
        if far is not None:
            ulp = max(ulp or 0, far)
    if not elements:
        return None
    return TensorDiff(a.name, dtypes, shapes, elements, bits, ulp, nans)


def _ulps(x: Array, y: Array) -> tuple[int | None, int]:
    """Return the largest distance in representable numbers, and where one side only is NaN."""
    numbers = [values for part in (x, y) if (values := _numbers(part)) is not None]
    if len(numbers) < 2 or numbers[0].dtype.kind != "f" or x.dtype.itemsize > 8:
        return None, 0
    if x.dtype == np.dtype("float8_e8m0fnu"):  # no sign bit: its bits are in order as they are
        lines = [part.view(np.uint8).astype(np.int64) for part in (x, y)]
    else:
        lines = [_line(part) for part in (x, y)]
    nan = [np.isnan(values) for values in numbers]
    both = ~(nan[0] | nan[1])
    low = np.minimum(*lines)[both].view(np.uint64)
    high = np.maximum(*lines)[both].view(np.uint64)
    # Unsigned: between the ends of float64 lie more than 2**63 numbers.
    far = int((high - low).max()) if low.size else 0
    return far, int((nan[0] ^ nan[1]).sum())


def _line(values: Array) -> Array:
    """Return floats as integers in the same order, neighbours one apart, -0 and 0 both at 0."""
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    bits = 8 * native.dtype.itemsize
    whole = native.view(np.dtype(f"i{bits // 8}")).astype(np.int64)
    magnitude = whole & (2 ** (bits - 1) - 1)
    return np.where(whole < 0, -magnitude, magnitude)


# -- checksums --


def bad_checksums(path: Path) -> tuple[str, ...]:
    """Return the members of a zip archive (.pt, .npz) whose CRC-32 is not the stated one.

    Empty for other formats, which have no checksums. torch can be told to write none that count,
    so for a .pt a difference may also mean that.
    """
    with open_source(path) as source:
        if not zip_reader.begins(source.head(4)):
            return ()
        members = zip_reader.read_directory(source)
        return tuple(
            name for name, member in members.items() if not zip_reader.crc_matches(source, member)
        )
