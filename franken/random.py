"""torch.random: seeding and saving the random streams."""

from __future__ import annotations

from franken.faces.spaces import fill
from franken.ops.sampling.generator import default_generator

__all__ = ["default_generator"]
fill(globals(), "random")
