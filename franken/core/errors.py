"""The package's own exceptions: each says why by a stable `reason_code`.

Knows exception types only. Plain user mistakes stay plain RuntimeError, TypeError, IndexError or
ValueError with torch's words; these types are for what the package itself cannot or will not do.
"""

from __future__ import annotations

from franken.backends.errors import FrankenError, MissingKernel


class NotProven(FrankenError, RuntimeError):
    """A property (determinism, parity, provenance) was asked for and cannot be shown to hold."""

    reason_code = "not-proven"


class UnsupportedDtype(FrankenError, TypeError):
    """A dtype that this operation or device cannot store or compute."""

    reason_code = "unsupported-dtype"


class MissingRule(FrankenError, NotImplementedError):
    """An op lacks the rule a transform needs.

    >>> str(MissingRule("vjp", "sort"))
    'sort has no vjp rule'
    """

    reason_code = "missing-rule"

    def __init__(self, rule: str, op: str, hint: str = "") -> None:
        super().__init__(f"{op} has no {rule} rule" + (hint and f"; {hint}"))
        self.rule, self.op, self.hint = rule, op, hint

    def __reduce__(self) -> tuple[type[MissingRule], tuple[object, ...]]:
        return type(self), (self.rule, self.op, self.hint)


class OutOfMemoryError(FrankenError, RuntimeError):
    """A device has no room for an allocation (torch.OutOfMemoryError)."""

    reason_code = "out-of-memory"


class LinAlgError(FrankenError, RuntimeError):
    """A decomposition or solve did not succeed (torch.linalg.LinAlgError)."""

    reason_code = "linalg"


__all__ = [
    "FrankenError", "LinAlgError", "MissingKernel", "MissingRule", "NotProven",
    "OutOfMemoryError", "UnsupportedDtype",
]  # fmt: skip
