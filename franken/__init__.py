"""franken: `import franken as torch`, with deterministic, explained, replayable gradients."""

from __future__ import annotations

from franken.faces import torch as _face

__version__ = "0.1.0"
_face.install(globals())
