"""franken: `import franken as torch`, with deterministic, explained, replayable gradients."""

from __future__ import annotations

import gc

# What the imports allocate stays, so looking through it for garbage, time and again, finds nothing:
# collections pause, and then it all counts as old (freeze and unfreeze move it there, unlooked at).
_collects = gc.isenabled()
gc.disable()
try:
    from franken.faces import torch as _face

    _face.install(globals())
finally:
    if _collects:
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.enable()
