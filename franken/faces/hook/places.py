"""Which module of franken's stands behind a module of torch's. Knows names only, no objects."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Final

from franken.faces import names
from franken.faces.torch import ELSEWHERE, home

# Files of the rooms that hold torch's modules, but are none of them.
_HIDDEN: Final[dict[str, frozenset[str]]] = {
    room: frozenset(files.split())
    for room, files in {
        "franken.autograd": "anomaly api checkpoint codec hooks provenance record replay tensor",
        "franken.distributions": "continuous discrete halves multivariate odds relaxed",
        "franken.nn": "container_params hooks state",
        "franken.nn.modules": "attention shuffle",
        "franken.optim": "adafactor line_search stepwise",
        "franken.testing": "compare samples",
        "franken.utils.data": "collate worker",
    }.items()
}
# Packages where torch has one file.
_WHOLE: Final = (
    "franken.serialization", "franken.optim.lr_scheduler", "franken.distributions.kl",
    "franken.distributions.transforms",
)  # fmt: skip


@cache
def behind(name: str) -> str | None:
    """The module of franken's behind one of torch's; None without one.

    >>> behind("torch.nn.modules.linear"), behind("torch.core"), behind("torch.nn.state")
    ('franken.nn.modules.linear', None, None)
    """
    if name == "torch":
        return "franken"
    known = home(name.removeprefix("torch."))
    parent, _, last = name.rpartition(".")
    if known is not None or parent == "torch":
        return known
    above = behind(parent)
    if above is None or above in _WHOLE or _is_hidden(above, last):
        return None
    full = f"{above}.{last}"
    return full if _exists(above, full) else None


def _is_hidden(above: str, last: str) -> bool:
    if above == "franken.backends":  # it shows torch's modules alone
        return last not in dir(importlib.import_module(above))
    return last in _HIDDEN.get(above, ())


def _exists(above: str, full: str) -> bool:
    package = importlib.import_module(above)
    return hasattr(package, "__path__") and importlib.util.find_spec(full) is not None


def serves(name: str) -> bool:
    """Whether there is a module of torch's of this name here: a file, or names of the table."""
    return name in names.modules() or behind(name) is not None or is_parent(name)


@cache
def is_parent(name: str) -> bool:
    """Whether there are modules below this one, of files elsewhere or of the table."""
    known = (*names.modules(), *(f"torch.{module}" for module in ELSEWHERE))
    return any(module.startswith(name + ".") for module in known)
