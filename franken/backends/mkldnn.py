"""torch.backends.mkldnn: NumPy's own libraries are used instead; the flags are kept.

`enabled` decides how the results of convolutions over volumes lie in memory, as it does in torch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from franken.backends import settings
from franken.backends.settings import Flag, OfOp, Precision

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2

enabled: bool
deterministic: bool
fp32_precision: str
allow_tf32: bool | None = None


def is_available() -> bool:
    """False: this library is not called directly."""
    return False


def is_acl_available() -> bool:
    """False: this library is not called directly."""
    return False


class verbose:
    """Accepted for a block: there is no library to talk."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


def set_flags(
    _enabled: bool | None = None, _deterministic: bool | None = None,
    _allow_tf32: bool | None = None, _fp32_precision: str | None = "none",
) -> tuple[Any, ...]:  # fmt: skip
    """Set those that are not None; all as they were before."""
    on, same, precision = settings.put(
        __name__, enabled=_enabled, deterministic=_deterministic, fp32_precision=_fp32_precision
    )
    return on, same, allow_tf32, precision


def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> AbstractContextManager[None]:  # fmt: skip
    """All flags for a block.

    >>> import franken as torch
    >>> with torch.backends.mkldnn.flags(enabled=False):
    ...     torch.backends.mkldnn.enabled
    False
    """
    return settings.kept(
        __name__, enabled=enabled, deterministic=deterministic, fp32_precision=fp32_precision
    )


class _Assigned(Precision):
    """Blocks set the library's own precision, an assignment that of all backends, as in torch."""

    def __set__(self, module: Any, value: Any) -> None:
        settings.GENERIC.__set__(module, value)


_all = _Assigned("mkldnn", "all", settings.GENERIC)
matmul, conv, rnn = (OfOp(Precision("mkldnn", op, _all)) for op in ("matmul", "conv", "rnn"))

settings.declare(
    __name__,
    enabled=Flag(True, "set_enabled_mkldnn"),
    deterministic=Flag(False, "set_deterministic_mkldnn"),
    fp32_precision=_all,
)
