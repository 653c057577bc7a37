"""torch.return_types: the named tuples that ops return, by the names of the ops."""

from __future__ import annotations

import franken.faces.torch  # noqa: F401 - the declarations make the types
from franken.ops.declaring.return_types import ALL

__all__ = sorted(ALL)
globals().update(ALL)
