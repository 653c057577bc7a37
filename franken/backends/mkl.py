"""torch.backends.mkl: NumPy's own libraries are used instead."""

from __future__ import annotations

VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available() -> bool:
    """False: this library is not called directly."""
    return False


class verbose:
    """Accepted for a block: there is no library to talk."""

    def __init__(self, enable: int) -> None:
        self.enable = enable

    def __enter__(self) -> verbose:
        if self.enable not in (VERBOSE_OFF, VERBOSE_ON):
            raise AssertionError(
                "Failed to set MKL into verbose mode. Please consider to disable this verbose "
                "scope."
            )
        return self

    def __exit__(self, *exc: object) -> None:
        pass
