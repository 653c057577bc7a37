"""Views that may not be changed in place, and what torch says of them.

`view._vmeta` says why: it was made without grad mode ("no_grad") or in inference mode
("inference"), by an op that gives several views ("multi") or by a custom Function ("custom").
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

_WHY = {
    "multi": (
        "This view is the output of a function that returns multiple views. Such functions do not "
        "allow the output views to be modified inplace. You should replace the inplace operation "
        "by an out-of-place one."
    ),
    "custom": (
        "This view was created inside a custom Function (or because an input was returned as-is) "
        "and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is "
        "forbidden. You can fix this by cloning the output of the custom Function."
    ),
}
_BOTH = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the {} block (if you don't "
    "want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)


def refuse_change(view: Any, *, of_base: bool) -> NoReturn:
    """Raise torch's error for an in-place change of a view, or of what shares its memory."""
    kind, edge = view._vmeta, view._node
    change = "is being modified inplace"
    if of_base:
        change = "its base or another view of its base has been modified inplace"
    node = getattr(edge, "node", edge)
    if node is not None and node.parents:
        name = re.sub(r"Backward\d*$", "", node.name())
        head = f"Output {getattr(edge, 'index', 0)} of {name} is a view"
        if kind in _WHY:
            raise RuntimeError(f"{head} and {change}. {_WHY[kind]}")
        head = f"{head} of a view which"
    else:
        head = "A view"
    if kind == "inference":
        head = f"{head} was created in inference mode and {change} in normal mode."
    else:
        head = f"{head} was created in no_grad mode and {change} with grad mode enabled."
    block = "inference_mode" if kind == "inference" else "no_grad"
    raise RuntimeError(f"{head} {_WHY.get(kind) or _BOTH.format(block)}")
