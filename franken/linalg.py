"""torch.linalg: linear algebra, as the op declarations publish them."""

from __future__ import annotations

from franken.core.errors import LinAlgError
from franken.faces.spaces import fill

__all__ = ["LinAlgError"]
fill(globals(), "linalg")
