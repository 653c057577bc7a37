"""torch.masked: reductions and normalizations under a mask. Names only: the ops are elsewhere."""

from __future__ import annotations

from franken.core.op import namespace
from franken.faces.spaces import fill

fill(globals(), "masked")
__all__ = sorted(namespace("masked"))
