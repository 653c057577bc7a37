"""torch.testing: assert_close, assert_allclose and make_tensor."""

from __future__ import annotations

from franken.testing.compare import assert_allclose, assert_close
from franken.testing.samples import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
