"""torch.ops.aten: the few ops that are reached only under this name, each with its `default` form.

Knows no op; the declarations say `at="aten"`.
"""

from __future__ import annotations

from typing import Any

from franken.core.op import namespace


def __getattr__(name: str) -> Any:
    found = namespace("aten").get(name)
    if found is None:
        raise AttributeError(f"'_OpNamespace' 'aten' object has no attribute '{name}'", name=name)
    found.default = found
    return found
