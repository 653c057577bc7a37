"""What is set for saving and loading: `torch.utils.serialization.config`, and the safe globals.

Knows no file.
"""

from __future__ import annotations

import builtins
import mmap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

from franken.core.dtypes import dtype
from franken.faces.names import torch_name
from franken.ops.surface.typed_storage import STORAGE_NAMES


class SourceChangeWarning(Warning):
    """The source of a class is another one than when a module of it was saved."""


class LoadEndianness(Enum):
    """The byte order of a file that does not say which it has."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class StorageType:
    """Stands for the class of a storage that a file names.

    >>> StorageType("FloatStorage")
    StorageType(dtype=torch.float32)
    """

    def __init__(self, name: str) -> None:
        self.name, self._dtype = name, storage_dtype(name)

    @property
    def dtype(self) -> dtype:
        """The dtype of the elements."""
        return self._dtype

    def __str__(self) -> str:
        return f"StorageType(dtype={self.dtype})"

    __repr__ = __str__


def storage_dtype(name: str) -> dtype:
    """The dtype of the storage that is called so in files; KeyError for no such storage."""
    for each, known in STORAGE_NAMES.items():
        if known == name:
            return each
    raise KeyError(f'pickle storage type "{name}" is not recognized')


# --- the configuration ---------------------------------------------------------------------------


class _Section:
    """Settings of one kind; only those that there are can be set."""

    def __init__(self, path: str, **values: Any) -> None:
        self.__dict__.update(values, _path=path)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self._path}.{name} does not exist")

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"{self._path}.{name} does not exist")
        self.__dict__[name] = value

    @contextmanager
    def patch(self, name: str, value: Any) -> Iterator[None]:
        """Set "load.mmap" and its like for a block."""
        section, _, last = name.rpartition(".")
        target = getattr(self, section) if section else self
        before = getattr(target, last)
        setattr(target, last, value)
        try:
            yield
        finally:
            setattr(target, last, before)


_PATH: Final = "torch.utils.serialization.config"
config = _Section(
    _PATH,
    load=_Section(
        f"{_PATH}.load", mmap=False, endianness=None, mmap_flags=mmap.MAP_PRIVATE,
        calculate_storage_offsets=False,
    ),
    save=_Section(
        f"{_PATH}.save", compute_crc32=True, use_pinned_memory_for_d2h=False, storage_alignment=64
    ),
)  # fmt: skip


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order of files that do not say theirs; None is this machine's."""
    return config.load.endianness  # type: ignore[no-any-return]


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Say the byte order of files that do not say theirs; TypeError for something else."""
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    config.load.endianness = endianness


def get_crc32_options() -> bool:
    """Whether `torch.save` writes a checksum of each record."""
    return config.save.compute_crc32  # type: ignore[no-any-return]


def set_crc32_options(compute_crc32: bool) -> None:
    """Say whether `torch.save` writes a checksum of each record."""
    config.save.compute_crc32 = compute_crc32


def get_default_mmap_options() -> int | None:
    """How `torch.load(mmap=True)` maps a file: `mmap.MAP_PRIVATE` unless set otherwise."""
    return config.load.mmap_flags  # type: ignore[no-any-return]


class set_default_mmap_options:
    """Set how `torch.load(mmap=True)` maps; as a context manager, for the block."""

    def __init__(self, flags: int) -> None:
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        self.prev = config.load.mmap_flags
        config.load.mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        config.load.mmap_flags = self.prev


class _Skips(threading.local):
    """Whether this thread leaves the bytes of storages out."""

    on = False


SKIPS = _Skips()


class skip_data:
    """Leave the bytes of storages out: they are neither written (but their room is) nor read."""

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self) -> None:
        self._before, SKIPS.on = SKIPS.on, True

    def __exit__(self, *exc: object) -> None:
        SKIPS.on = self._before


# --- what a file may name -------------------------------------------------------------------------

Safe = Callable[..., Any] | tuple[Callable[..., Any], str]
_safe: set[Safe] = set()
# Nothing from here is ever allowed, whatever a user says.
BLOCKED: Final = frozenset({"sys", "os", "posix", "nt"})


def add_safe_globals(safe_globals: list[Safe]) -> None:
    """Let files that are loaded with `weights_only` name these classes and functions.

    A pair (object, "module.name") gives the name that the file has for it.
    """
    _safe.update(safe_globals)


def get_safe_globals() -> list[Safe]:
    """What `add_safe_globals` was given."""
    return list(_safe)


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` was given."""
    _safe.clear()


class safe_globals:
    """`add_safe_globals` for a block."""

    def __init__(self, safe_globals: list[Safe]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *exc: object) -> None:
        _safe.difference_update(self.safe_globals)


def allowed_by_user() -> dict[str, Any]:
    """The objects that a user calls safe, by the names that files have for them."""
    names: dict[str, Any] = {}
    for each in _safe:
        if not isinstance(each, tuple):
            names[f"{each.__module__}.{each.__qualname__}"] = each
            theirs = torch_name(each)
            if theirs is not None:
                names[".".join(theirs)] = each
            continue
        if len(each) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of "
                f"length: {len(each)}"
            )
        if builtins.type(each[1]) is not str:
            raise TypeError(
                "Expected second item in tuple to be str of callable full path, but got: "
                f"{builtins.type(each[1])}"
            )
        names[each[1]] = each[0]
    return names
