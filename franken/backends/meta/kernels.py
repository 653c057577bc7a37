"""Kernels of the meta device, found in this order.

1. What the op declares, `Primitive(..., meta=rule)`; see `backends.meta.rules`.
2. Views run as they are: NumPy makes them without looking at elements.
3. Elementwise ops by broadcasting.
4. The rest runs the CPU kernel on small stand-ins of the very shapes and strides: exact, and
   right wherever the geometry of a result does not depend on values. An op for which it does
   declares `rules.by_value`. Inputs too large for that raise.

No kernel ever touches an element of an `Unheld` array: see `backends.meta.memory`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.meta.memory import Unheld, laid, reserved

# So many elements the inputs of a kernel without a rule have at most: a few milliseconds' work.
SMALL = 1 << 16


def served(prim: Any) -> Any:
    """The meta kernel of a primitive that declares none."""
    if prim.view:
        return prim.cpu
    if prim.writes is not None:
        return _nothing
    if getattr(prim.batch, "elementwise", False):
        return planned(prim, rules.spread)
    return _on_stand_ins(prim)


def _nothing(*inputs: Any, **params: Any) -> tuple[()]:
    return ()


def planned(prim: Any, rule: Any) -> Any:
    """The kernel that a primitive's rule describes; the rule may be named."""
    if isinstance(rule, str):
        rule = getattr(rules, rule)

    def kernel(*inputs: Any, **params: Any) -> Any:
        found = rule(*inputs, **params)
        if type(found) is list:
            return tuple(found)
        if type(found) is not tuple:
            return found
        ones = [np.ones((1,) * a.ndim, a.dtype) if isinstance(a, Unheld) else a for a in inputs]
        told = prim.cpu(*ones, **params)
        if type(told) is tuple:
            return tuple([reserved(found, o.dtype) for o in told])
        return reserved(found, told.dtype)

    if rule in rules.MIXED:
        kernel.mixes = True  # type: ignore[attr-defined]
    return kernel


def _on_stand_ins(prim: Any) -> Any:
    def kernel(*inputs: Any, **params: Any) -> Any:
        count = sum([extent(a) for a in inputs if isinstance(a, Unheld)])
        if count > SMALL:
            raise NotImplementedError(
                f"aten::{prim.name}: no rule says what its results are on the meta device, and "
                f"inputs of {count} elements are too many to find out"
            )
        real = [stand_in(a) if isinstance(a, Unheld) else a for a in inputs]
        found = prim.cpu(*real, **params)
        outs = found if type(found) is tuple else (found,)
        if not all(isinstance(o, (np.ndarray, np.generic)) for o in outs):
            rules.refuse(prim.name)  # a sparse one
        made = tuple([_unheld(o, real, inputs) for o in outs])
        return made if type(found) is tuple else made[0]

    return kernel


def _unheld(out: Any, real: Any, inputs: Any) -> Any:
    """The geometry of what a kernel gave for stand-ins: an input, where it is one."""
    for stand, a in zip(real, inputs, strict=True):
        if out is stand:
            return a
    out = np.asarray(out)
    return laid(out.shape, out.dtype, out.strides)


def extent(a: Any) -> int:
    """How many elements a stand-in must have, or a walk over the array meets."""
    reach = sum([(n - 1) * s for n, s in zip(a.shape, a.strides, strict=True) if n])
    return max(a.size, reach // max(a.itemsize, 1) + 1)


def stand_in(a: Any) -> Any:
    """A NumPy array of ones (whole numbers: zeros, which are indices of anything) laid as `a`."""
    row = np.full(extent(a), a.dtype.kind not in "iub", a.dtype)
    word = row.view(f"u{row.itemsize}") if row.dtype.kind == "V" else row
    return np.ndarray(a.shape, word.dtype, word, 0, a.strides).view(row.dtype)
