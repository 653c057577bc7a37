"""franken: `import franken as torch`, with deterministic, explained, replayable gradients."""

from __future__ import annotations

from franken.faces import torch as _face

_face.install(globals())
