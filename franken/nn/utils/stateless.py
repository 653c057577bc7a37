"""`functional_call` under its older name."""

from __future__ import annotations

from franken.faces.inner import functional_call as functional_call

__all__ = ["functional_call"]
