"""torch.special: special functions, as the op declarations publish them."""

from __future__ import annotations

from franken.faces.spaces import fill

fill(globals(), "special")
