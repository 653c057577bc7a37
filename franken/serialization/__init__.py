"""torch.serialization; and files of arrays: safetensors, franken's container, atomic writes.

The modules here know no Tensor but for `tensors`; none is loaded from here. What torch's module
of this name offers is in the faces, and is looked up when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if not name.startswith("__"):
        face = vars(importlib.import_module("franken.faces.checkpoints"))
        if name in face:
            return face[name]
    raise AttributeError(f"module 'torch.serialization' has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    face = importlib.import_module("franken.faces.checkpoints")
    return sorted(n for n in {*vars(face), *globals()} if n not in ("Any", "annotations"))
