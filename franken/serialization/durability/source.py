"""The files that one sidecar covers, their sidecar's name, and whether they stay as they are.

A single file is a set of one member. Knows paths, sizes and locks; no symbols and no format.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from .errors import BadInput, Busy, FileChanged, reading

FILE_SUFFIX: Final = ".frq"
SET_SUFFIX: Final = ".frqs"
_INDEX_SUFFIX: Final = ".index.json"
MAX_MEMBERS: Final = 100_000
_MAX_INDEX: Final = 64 << 20
StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class State:
    """What tells one content of a file from another without reading it."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Source:
    """Members by name, relative to ``root``; ``sidecar`` is where theirs lies or would lie.

    ``label`` is the path that the caller gave: a file, a folder or an index.
    """

    label: str
    root: Path
    names: tuple[str, ...]
    sidecar: Path
    is_set: bool

    @property
    def paths(self) -> list[str]:
        """Return the members' paths."""
        return [str(self.root / name) for name in self.names]

    def states(self) -> tuple[State | None, ...]:
        """Return what is known of each member; None for one that does not exist."""
        return tuple(state_of(path) for path in self.paths)

    def unchanged(self, before: Sequence[State | None]) -> None:
        """Raise FileChanged unless every member is as it was."""
        for path, old, new in zip(self.paths, before, self.states(), strict=True):
            if old != new:
                raise FileChanged(f"{path}: it changed while it was read")


def state_of(path: StrPath) -> State | None:
    """Return size, time of change and inode of a regular file; None if there is none.

    BadInput for a folder, a pipe, a loop of links and whatever else cannot be read.
    """
    try:
        with reading(path):
            info = os.stat(path)
    except BadInput as error:
        if error.reason == "missing":
            return None
        raise
    if stat.S_ISDIR(info.st_mode):
        raise BadInput(f"{path}: is a directory", reason="directory")
    if not stat.S_ISREG(info.st_mode):
        raise BadInput(f"{path}: not a regular file", reason="not_a_file")
    return State(info.st_size, info.st_mtime_ns, info.st_ino)


def single(path: StrPath, sidecar: StrPath | None = None) -> Source:
    """Return the source of one file; its sidecar is the file's name with ``.frq``.

    >>> single("/data/model.pt").sidecar.name
    'model.pt.frq'
    """
    file = Path(path)
    beside = file.with_name(file.name + FILE_SUFFIX) if file.name else file / FILE_SUFFIX
    return Source(os.fspath(path), file.parent, (file.name,), Path(sidecar or beside), False)


def shards(paths: StrPath | Sequence[StrPath], sidecar: StrPath | None = None) -> Source:
    """Return the source of a set: a folder, an ``.index.json`` with its members, or files.

    The files must lie in one folder or below it. BadInput if there are none.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if len(given) == 1 and os.path.isdir(given[0]):
        root = Path(given[0])
        return _set(given[0], root, _files_below(root), sidecar or folder_sidecar(root))
    if len(given) == 1 and str(given[0]).endswith(_INDEX_SUFFIX):
        index = Path(given[0])
        beside = index.with_name(index.name + SET_SUFFIX)
        return _set(index, index.parent, [index.name, *_index_members(index)], sidecar or beside)
    if not given:
        raise BadInput("shards: expected at least one file", reason="missing")
    files = [Path(os.path.abspath(each)) for each in given]
    root = Path(os.path.commonpath([file.parent for file in files]))
    names = [file.relative_to(root).as_posix() for file in files]
    return _set(root, root, names, sidecar or folder_sidecar(root))


def _set(label: StrPath, root: Path, names: Iterable[str], sidecar: StrPath) -> Source:
    ordered = tuple(sorted(set(names)))
    if not ordered:
        raise BadInput(f"{os.fspath(label)}: no files in it", reason="missing")
    if len(ordered) > MAX_MEMBERS:
        raise BadInput(
            f"{os.fspath(label)}: {len(ordered)} files, at most {MAX_MEMBERS}", reason="too_large"
        )
    return Source(os.fspath(label), root, ordered, Path(sidecar), True)


def folder_sidecar(root: Path) -> Path:
    """Return where the sidecar of a folder lies: inside, so that it moves with the folder."""
    return root / (Path(os.path.abspath(root)).name + SET_SUFFIX)


def _files_below(root: Path) -> list[str]:
    with reading(root):
        found = [each.relative_to(root) for each in root.rglob("*") if each.is_file()]
    # Hidden files are temporary ones and other programs' own.
    return [
        each.as_posix()
        for each in found
        if each.suffix not in (FILE_SUFFIX, SET_SUFFIX)
        and not any(part.startswith(".") for part in each.parts)
    ]


def _index_members(index: Path) -> list[str]:
    with reading(index), open(index, "rb") as file:
        data = file.read(_MAX_INDEX + 1)
    try:
        weights = json.loads(data)["weight_map"]
        names = sorted(set(weights.values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{index}: not an index of shards ({error})", reason="bad_index") from None
    for name in names:
        if not is_safe_name(name):
            raise BadInput(f"{index}: {name!r} leaves the folder", reason="bad_index")
    return names


def is_safe_name(name: object) -> bool:
    """Return whether a name from a file stays inside the folder that it is relative to.

    >>> is_safe_name("a/b.pt"), is_safe_name("../b"), is_safe_name("/b"), is_safe_name("")
    (True, False, False, False)
    """
    if not isinstance(name, str) or not name or len(name) > 4096 or "\0" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.as_posix() == name != "."


def locate(path: StrPath, sidecar: StrPath | None = None) -> tuple[Path, bool]:
    """Return the sidecar that covers ``path``, and whether it is a set's.

    Looks beside a file, inside a folder and beside an index. The first candidate is returned when
    none exists.
    """
    if sidecar is not None:
        return Path(sidecar), str(sidecar).endswith(SET_SUFFIX)
    file = Path(path)
    if os.path.isdir(file):
        named = folder_sidecar(file)
        others = sorted(file.glob("*" + SET_SUFFIX))
        return (others[0] if len(others) == 1 and not os.path.isfile(named) else named), True
    beside = file.with_name(file.name + FILE_SUFFIX) if file.name else file / FILE_SUFFIX
    if not os.path.isfile(beside):
        of_set = file.with_name(file.name + SET_SUFFIX) if file.name else beside
        if os.path.isfile(of_set) or str(file).endswith(_INDEX_SUFFIX):
            return of_set, True
    return beside, False


@contextmanager
def locked(paths: Iterable[StrPath]) -> Iterator[None]:
    """Hold a lock on each of the files that exist; Busy if another process has one.

    The lock ends with the process, so a killed one leaves nothing behind. Nobody is kept from
    reading or replacing the files: it only keeps two repairs apart.
    """
    with ExitStack() as stack:
        for path in sorted({os.path.realpath(each) for each in paths}):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError:
                continue  # missing or unreadable: whoever reads it says so
            stack.callback(os.close, descriptor)
            _lock(descriptor, path)
        yield


def _lock(descriptor: int, path: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"{path}: another process is protecting or repairing it") from None
    except OSError:
        # Some network file systems lock no file that is open for reading. Files are replaced
        # whole all the same: two repairs then do the same work twice.
        return
