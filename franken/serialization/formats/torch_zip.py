"""The layout of a torch checkpoint (.pt, .pth): a zip archive of a pickle and raw storages.

Knows what the pickle of a checkpoint means: which records stand for tensors, and where their
elements lie in the archive. Executes nothing; what it does not know it names in the notes.
Source: the serialization notes of torch's documentation, and files that torch 2.13 writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import FormatError
from .pickle_reader import MAX_PICKLE, Call, Global, Persistent, parse
from .source import Source
from .spans import DTYPES, Layout, Span, check_shape, extent, is_c_order, simple_descr
from .torch_graph import Leaves, walk
from .zip_reader import DEFLATED, Member, read_member

# The version up to which torch 2.13 reads; files say 3 since torch 1.6.
_MAX_VERSION: Final = 10
_LEGACY: Final = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
_PICKLE: Final = "data.pkl"

STORAGES: Final[dict[str, str]] = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL", "ComplexDoubleStorage": "C128",
    "ComplexFloatStorage": "C64", "QInt8Storage": "I8", "QUInt8Storage": "U8",
    "QInt32Storage": "I32", "QUInt4x2Storage": "U8", "QUInt2x4Storage": "U8",
    "UntypedStorage": "U8",
}  # fmt: skip
SCALARS: Final[dict[str, str]] = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
    "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32",
    "uint64": "U64", "bool": "BOOL", "complex64": "C64", "complex128": "C128", "complex32": "C32",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0",
    "float4_e2m1fn_x2": "F4_E2M1_X2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Storage:
    """The bytes of one record, of which torch says that they hold elements of ``dtype``."""

    key: str
    dtype: str
    member: Member
    kind: str
    device: str


@dataclass(frozen=True, slots=True)
class View:
    """A tensor's elements in a storage, in units of its dtype; checked to lie inside."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def is_legacy(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is of torch's format before 1.6.

    >>> is_legacy(b"PK")
    False
    """
    return head.startswith(_LEGACY)


def archive_name(members: dict[str, Member]) -> str | None:
    """Return the folder of a torch archive's records; None if the archive is not torch's.

    >>> archive_name({"model/data.pkl": Member("model/data.pkl", 0, 0, 0, 0, 0)})
    'model'
    """
    roots = [name[: -len(_PICKLE) - 1] for name in members if name.endswith("/" + _PICKLE)]
    roots = [root for root in roots if "/" not in root]
    if len(roots) > 1:
        raise FormatError("bad_layout", f"torch: several archives in one, {roots[:4]}")
    return roots[0] if roots else None


def open_archive(
    source: Source, members: dict[str, Member], root: str, *, big: bool = False
) -> Archive:
    """Return a torch archive of a version that is known.

    ``big`` says that an archive without a record of its byte order is big-endian.
    """
    _check_version(source, members, root)
    return Archive(members, root, _byte_order(source, members, root, big))


def read(source: Source, members: dict[str, Member], root: str) -> Layout:
    """Return the layout of a torch archive: tensors by the dotted paths of their containers."""
    archive = open_archive(source, members, root)
    leaves = walk(parse(read_member(source, archive.pickle(), MAX_PICKLE)), archive)
    notes = (*_notes(leaves), *archive.notes, *_structure(members, root))
    return Layout("torch", mark_aliases(archive.spans), leaves.scalars, notes)


def mark_aliases(spans: list[Span]) -> tuple[Span, ...]:
    """Return the spans with ``alias_of`` set on those whose bytes an earlier one has too.

    >>> a, b = Span("a", "F32", (2,), 0, 8), Span("b", "F32", (1,), 4, 8)
    >>> [span.alias_of for span in mark_aliases([a, b])]
    [None, 'a']
    """
    order = sorted(range(len(spans)), key=lambda i: (spans[i].begin, i))
    first: dict[int, int] = {}
    group: list[int] = []
    reach = -1
    for i in [*order, -1]:
        if i < 0 or spans[i].begin >= reach:
            head = min(group, default=0)
            first.update((member, head) for member in group)
            group = []
        if i >= 0 and spans[i].end > spans[i].begin:
            group.append(i)
            reach = max(reach, spans[i].end)
    return tuple(
        replace(span, alias_of=spans[first[i]].name) if first.get(i, i) != i else span
        for i, span in enumerate(spans)
    )


class Archive:
    """Turns the records of tensors into spans of the archive, and keeps them in order."""

    def __init__(self, members: dict[str, Member], root: str, big: bool) -> None:
        self.members, self.root, self.big = members, root, big
        self.spans: list[Span] = []
        self.notes: list[str] = []
        self.used: set[str] = set()

    def pickle(self) -> Member:
        """Return the member that says what is in the archive."""
        return self.members[f"{self.root}/{_PICKLE}"]

    def tensor(self, name: str, call: Call) -> None:
        """Add the tensor that ``call`` would rebuild."""
        view = self.view(name, call)
        if view.dtype in DTYPES:
            self._add(name, view)
        else:
            self.notes.append(f"{name!r} is not listed: its dtype {view.dtype} is unknown")

    def storage(self, name: str, value: Persistent) -> None:
        """Add a storage that stands in the tree without a tensor, as one of one dimension."""
        storage = self.find(name, value)
        size = storage.member.size // DTYPES[storage.dtype].itemsize
        self._add(name, View(storage, storage.dtype, 0, (size,), (1,)))

    def view(self, name: str, call: Call) -> View:
        """Return where the elements lie of the tensor that ``call`` would rebuild."""
        fields = call.arguments
        if type(fields) is not tuple or len(fields) < 4:
            raise FormatError("bad_tree", f"torch: {name!r} is no complete tensor")
        storage = self.find(name, fields[0])
        dtype = self._scalar(name, fields) if call.name.endswith("_v3") else storage.dtype
        offset, shape, strides = fields[1:4]
        shape, strides = check_shape(name, sizes(shape)), check_shape(name, sizes(strides))
        if len(shape) != len(strides) or type(offset) is not int or offset < 0:
            raise FormatError("bad_layout", f"torch: {name!r}: {shape=} {strides=} {offset=}")
        view = View(storage, dtype, offset, shape, strides)
        if dtype in DTYPES:
            _check_inside(name, view, DTYPES[dtype].itemsize)
        return view

    def find(self, name: str, value: Any) -> Storage:
        """Return the storage that a persistent reference names."""
        key = value.key if type(value) is Persistent else None
        if type(key) is not tuple or len(key) < 5 or key[0] != "storage":
            raise FormatError("bad_tree", f"torch: {name!r} has no storage")
        _, kind, record, place, count = key[:5]
        kind = kind.name.rpartition(".")[2] if type(kind) is Global else ""
        return self.locate(name, kind, record, place, count)

    def locate(self, name: str, kind: str, record: Any, place: Any, count: Any) -> Storage:
        """Return the storage that a record of torch's describes, if its bytes are there."""
        if kind not in STORAGES or type(record) is not str or type(count) is not int:
            raise FormatError("bad_dtype", f"torch: {name!r} has a storage of kind {kind!r}")
        if type(place) is not str:
            raise FormatError("bad_tree", f"torch: {name!r} lies in no place")
        member = self.members.get(f"{self.root}/data/{record}")
        if member is None:
            raise FormatError("truncated", f"torch: {name!r} needs data/{record[:80]}, not there")
        dtype = STORAGES[kind]
        if member.size != count * DTYPES[dtype].itemsize:
            raise FormatError(
                "bad_layout", f"torch: data/{record} has {member.size} bytes for {count} {dtype}"
            )
        self.used.add(member.name)
        return Storage(record, dtype, member, kind, place[:40])

    def _scalar(self, name: str, fields: tuple[Any, ...]) -> str:
        dtype = fields[6] if len(fields) > 6 else None
        if type(dtype) is not Global:
            raise FormatError("bad_tree", f"torch: {name!r} is no complete tensor")
        scalar = dtype.name.rpartition(".")[2]
        return SCALARS.get(scalar, dtype.name)

    def _add(self, name: str, view: View) -> None:
        shape, strides, member = view.shape, view.strides, view.storage.member
        dtype, item = view.dtype, DTYPES[view.dtype].itemsize
        first = min(view.offset * item, member.size)
        last = min(first + extent(shape, strides) * item, member.size)
        steps = None if is_c_order(shape, strides) else strides
        begin, end = member.begin + first, member.begin + last
        span = Span(name, self._ordered(name, dtype), shape, begin, end, steps)
        if member.method == DEFLATED:
            begin, end = member.begin, member.end
            span = replace(
                span, begin=begin, end=end, codec="deflate", skip=first, inflated=member.size
            )
        self.spans.append(span)

    def _ordered(self, name: str, dtype: str) -> str:
        """Return the dtype's name for the byte order of the file."""
        if not self.big or DTYPES[dtype].itemsize == 1:
            return dtype
        if DTYPES[dtype].kind not in "iufc":
            raise FormatError("bad_dtype", f"torch: {name!r} is big-endian {dtype}")
        return simple_descr(DTYPES[dtype].newbyteorder(">").str).str


def _check_inside(name: str, view: View, item: int) -> None:
    first, size = view.offset * item, view.storage.member.size
    last = first + extent(view.shape, view.strides) * item
    if last > size and last > first:
        raise FormatError("bad_layout", f"torch: {name!r} in bytes {first} to {last} of {size}")


def sizes(value: Any) -> tuple[Any, ...]:
    """Return the sizes in a tuple or in a recorded ``torch.Size``."""
    if type(value) is Call and value.name == "torch.Size" and len(value.arguments) == 1:
        value = value.arguments[0]
    if type(value) is not tuple:
        raise FormatError("bad_tree", "torch: the sizes of a tensor are no tuple")
    return value


# -- the small records --


def _check_version(source: Source, members: dict[str, Member], root: str) -> None:
    text = _record(source, members, f"{root}/version") or _record(
        source, members, f"{root}/.data/version"
    )
    if text and not (text.strip().isdigit() and int(text) <= _MAX_VERSION):
        raise FormatError("unknown_version", f"torch: archive of version {text[:20]!r}")


def _byte_order(source: Source, members: dict[str, Member], root: str, big: bool) -> bool:
    text = _record(source, members, f"{root}/byteorder") or ("big" if big else "little")
    if text not in ("little", "big"):
        raise FormatError("bad_header", f"torch: byte order {text[:20]!r}")
    return text == "big"


def _record(source: Source, members: dict[str, Member], name: str) -> str:
    if name not in members:
        return ""
    return read_member(source, members[name], 4096).decode("ascii", "replace")


def _notes(leaves: Leaves) -> list[str]:
    names = sorted(leaves.unknown)
    notes = [f"{name} is not known; what it holds is listed" for name in names[:20]]
    if len(names) > 20:
        notes.append(f"{len(names) - 20} more names are not known")
    return notes + leaves.notes


def _structure(members: dict[str, Member], root: str) -> list[str]:
    if f"{root}/constants.pkl" in members:
        return ["a TorchScript program; only the tensors of its data.pkl are listed"]
    return []
