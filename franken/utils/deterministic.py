"""torch.utils.deterministic: whether memory that nobody has written is marked.

Source: https://docs.pytorch.org/docs/stable/deterministic.html
"""

from __future__ import annotations

import sys
import types

from franken.faces.settings import FRESH


class _Switches(types.ModuleType):
    """The module itself, so that its switch is an attribute that can be set.

    >>> from franken.utils import deterministic
    >>> deterministic.fill_uninitialized_memory
    True
    """

    @property
    def fill_uninitialized_memory(self) -> bool:
        """Whether, in deterministic mode, fresh memory holds NaN or the largest integer."""
        return FRESH.filled

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                "_set_deterministic_fill_uninitialized_memory(): argument 'mode' (position 1) must "
                f"be bool, not {type(mode).__name__}"
            )
        FRESH.filled = mode


sys.modules[__name__].__class__ = _Switches
