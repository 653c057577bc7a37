"""torch._tensor_str: how tensors print."""

from __future__ import annotations

from typing import Any

from franken.core.op import namespace
from franken.core.tensor import Tensor
from franken.faces.spaces import missing


def _str(self: Tensor, *, tensor_contents: Any = None) -> str:
    """A tensor's text, which is its repr."""
    return repr(self)


_tensor_str = _str


def __getattr__(name: str) -> Any:
    shared = ("set_printoptions", "get_printoptions", "printoptions")
    found = namespace("torch").get(name) if name in shared else None
    if found is None:
        raise missing("torch._tensor_str", name, (*globals(), *shared))
    return found
