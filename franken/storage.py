"""torch.storage: the bytes and elements behind tensors."""

from __future__ import annotations

import io
from typing import Any

from franken.core.dtypes import dtype
from franken.ops.surface.storage import UntypedStorage
from franken.ops.surface.typed_storage import STORAGE_NAMES, LegacyStorage, TypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]
_StorageBase = UntypedStorage
_LegacyStorageMeta = LegacyStorage


def _load_from_bytes(b: bytes) -> Any:
    """What torch's pickles of storages call: a file of its own, in the bytes."""
    from franken.faces.checkpoints import load

    return load(io.BytesIO(b), weights_only=False)


def _dtype_to_storage_type_map() -> dict[dtype, str]:
    """The names of the typed storages, by dtype."""
    return dict(STORAGE_NAMES)


def _storage_type_to_dtype_map() -> dict[str, dtype]:
    """The dtypes of the typed storages, by name."""
    return {name: d for d, name in STORAGE_NAMES.items()}
