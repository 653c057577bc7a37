"""`torch.nn.functional`: every function that the op declarations published for it.

No logic of its own. Names that are declared after this module was imported are found as well.
Source: https://docs.pytorch.org/docs/stable/nn.functional.html
"""

from __future__ import annotations

from franken.faces.spaces import fill
from franken.nn import grad as grad

fill(globals(), "nn.functional")
