"""`torch.nn.functional`: every function that the op declarations published for it.

No logic of its own. Names that are declared after this module was imported are found as well.
Source: https://docs.pytorch.org/docs/stable/nn.functional.html
"""

from __future__ import annotations

from typing import Any

from franken.faces.inner import namespace

globals().update(namespace("nn.functional"))


def __getattr__(name: str) -> Any:
    found = namespace("nn.functional").get(name)
    if found is None:
        raise AttributeError(f"module 'franken.nn.functional' has no attribute {name!r}")
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *namespace("nn.functional")})
