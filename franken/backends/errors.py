"""The root of the package's own exceptions, and what a backend raises.

Each has a stable `reason_code`. Knows exception types only.
"""

from __future__ import annotations

from typing import ClassVar


class FrankenError(Exception):
    """Mark an error as the package's own; `reason_code` is stable across versions.

    >>> MissingKernel("sort", "cuda").reason_code
    'missing-kernel'
    """

    reason_code: ClassVar[str] = "unspecified"


class MissingKernel(FrankenError, NotImplementedError):
    """No kernel for this op, device and dtype; NotImplementedError is a RuntimeError, as in torch.

    >>> str(MissingKernel("sort", "cuda", "complex64"))
    '"sort" not implemented for complex64 on cuda'
    """

    reason_code = "missing-kernel"

    def __init__(self, op: str, device: object, dtype: object = None, hint: str = "") -> None:
        what = f"for {dtype} " if dtype is not None else ""
        super().__init__(f'"{op}" not implemented {what}on {device}' + (hint and f"; {hint}"))
        self.op, self.device, self.dtype, self.hint = op, device, dtype, hint

    def __reduce__(self) -> tuple[type[MissingKernel], tuple[object, ...]]:
        return type(self), (self.op, self.device, self.dtype, self.hint)
