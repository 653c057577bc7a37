"""`torch.save`, `torch.load` and `torch.serialization`."""

from __future__ import annotations

from franken.faces.checkpoints.legacy import MAGIC_NUMBER, PROTOCOL_VERSION
from franken.faces.checkpoints.loading import get_unsafe_globals_in_checkpoint, load
from franken.faces.checkpoints.places import (
    default_restore_location,
    location_tag,
    register_package,
    validate_cuda_device,
    validate_hpu_device,
)
from franken.faces.checkpoints.restricted import get_layout as _get_layout
from franken.faces.checkpoints.saving import save
from franken.faces.checkpoints.settings import (
    LoadEndianness,
    SourceChangeWarning,
    StorageType,
    add_safe_globals,
    clear_safe_globals,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    get_safe_globals,
    safe_globals,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from franken.faces.checkpoints.small import (
    DEFAULT_PROTOCOL,
    check_module_version_greater_or_equal,
    mkdtemp,
    normalize_storage_type,
    storage_to_tensor_type,
)

__all__ = [
    "_get_layout", "add_safe_globals", "check_module_version_greater_or_equal",
    "clear_safe_globals", "DEFAULT_PROTOCOL", "default_restore_location", "get_crc32_options",
    "get_default_load_endianness", "get_default_mmap_options", "get_safe_globals",
    "get_unsafe_globals_in_checkpoint", "load", "LoadEndianness", "location_tag", "MAGIC_NUMBER",
    "mkdtemp", "normalize_storage_type", "PROTOCOL_VERSION", "register_package", "safe_globals",
    "save", "set_crc32_options", "set_default_load_endianness", "set_default_mmap_options",
    "skip_data", "SourceChangeWarning", "storage_to_tensor_type", "StorageType",
    "validate_cuda_device", "validate_hpu_device",
]  # fmt: skip
