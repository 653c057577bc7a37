"""torch.backends.quantized: tensors are not quantized, so no engine computes with them."""

from __future__ import annotations

engine = "none"
supported_engines = ["none"]
