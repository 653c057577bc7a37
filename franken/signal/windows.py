"""torch.signal.windows: tapering windows, as the op declarations publish them."""

from __future__ import annotations

from franken.faces.spaces import fill

fill(globals(), "signal.windows")
