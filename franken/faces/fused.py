"""The fused optimizer steps under the names that `optim` imports."""

from __future__ import annotations

from franken.ops.nn.optimize import adam_step, sgd_step

__all__ = ["adam_step", "sgd_step"]
