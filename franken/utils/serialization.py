"""torch.utils.serialization: the settings of saving and loading."""

from __future__ import annotations

from franken.faces.checkpoints.settings import config

__all__ = ["config"]
