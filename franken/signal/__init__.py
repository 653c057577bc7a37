"""torch.signal: signal processing; its one part is `windows`."""

from __future__ import annotations

from franken.signal import windows

__all__ = ["windows"]
