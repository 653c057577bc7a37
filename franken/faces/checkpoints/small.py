"""Helpers that `torch.serialization` shows beside saving and loading."""

from __future__ import annotations

import importlib
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from franken.faces.names import found, torch_name

DEFAULT_PROTOCOL = 2


@contextmanager
def mkdtemp() -> Iterator[str]:
    """A temporary folder, removed at the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def normalize_storage_type(storage_type: Any) -> Any:
    """The class of storages of that name for the CPU."""
    return found("torch", storage_type.__name__)


def storage_to_tensor_type(storage: Any) -> Any:
    """The tensor type whose name is that of the storage's class; AttributeError without one."""
    kind = type(storage)
    module = (torch_name(kind) or (kind.__module__,))[0]
    home = importlib.import_module(module.replace("torch", "franken", 1))
    return getattr(home, kind.__name__.replace("Storage", "Tensor"))


def check_module_version_greater_or_equal(
    module: Any, req_version_tuple: Any, error_if_malformed: bool = True
) -> bool:
    """Whether a module's version is at least the given one, part by part.

    A version that is not made so raises RuntimeError, or is warned of and taken as good.
    """
    texts = module.__version__.split(".")
    try:
        version = tuple(type(part)(texts[i]) for i, part in enumerate(req_version_tuple))
    except (ValueError, IndexError, TypeError) as error:
        message = (
            f"'{module.__name__}' module version string is malformed '{module.__version__}' and "
            f"cannot be compared with tuple {req_version_tuple!s}"
        )
        if error_if_malformed:
            raise RuntimeError(message) from error
        warnings.warn(message + ", but continuing assuming that requirement is met", stacklevel=2)
        return True
    return bool(version >= tuple(req_version_tuple))
