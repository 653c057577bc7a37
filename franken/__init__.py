"""franken: `import franken as torch`, with deterministic, explained, replayable gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from franken.faces import torch as _face

__version__ = "0.1.0"
_face.install(globals())

if TYPE_CHECKING:
    from franken.core.tensor import Tensor as Tensor

    def __getattr__(name: str) -> Any: ...
