"""torch.autograd.forward_ad: dual tensors within a level.

A dual level is a JvpTrace that stays open; its tensors are plain ones that have a tangent.
Source: https://docs.pytorch.org/docs/stable/autograd.html#forward-mode-automatic-differentiation
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from franken.core import inplace
from franken.core.node import Node, Packed, edge_of, split_edge, standing
from franken.core.state import STATE
from franken.core.tensor import Tensor, version_of
from franken.core.trace import detached
from franken.transforms.jvp import JvpTrace
from franken.transforms.pushed import check_tangent


class UnpackedDualTensor(NamedTuple):
    """The two halves of a dual tensor; the tangent is None if it has none."""

    primal: Any
    tangent: Any


class DualTrace(JvpTrace):
    """A level of forward mode whose values are the tensors themselves.

    The tangent is kept with the tensor, so that any tensor can get one, and all lose theirs when
    the level ends.
    """

    transparent = True

    def __init__(self) -> None:
        self.holders: list[Any] = []

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        for ref in self.holders:
            holder = ref()
            if holder is not None:
                for name in ("tangent", "tangent_at", "given"):
                    holder.__dict__.pop(name, None)
        self.holders.clear()

    def owns(self, value: Any) -> bool:
        """No value is wrapped."""
        return False

    def constant(self, value: Tensor) -> Tensor:
        """The value itself."""
        return value

    def kept(self, x: Any) -> Any:
        """The attributes of the tensor."""
        return x.__dict__

    def joined(self, low: Tensor, tangent: Any) -> Any:
        """The result itself, which from now on has the tangent."""
        if tangent is not None:
            self._hold(low, tangent)
        return low

    def make(self, value: Tensor, tangent: Any) -> Any:
        """A tensor of the same memory and history with the given tangent."""
        dual = standing(value, edge_of(value))
        dual._ver = version_of(value)
        self._hold(dual, tangent)
        dual.given = True
        return dual

    def _hold(self, t: Any, tangent: Any) -> None:
        if "tangent" not in t.__dict__:
            self.holders.append(weakref.ref(t))
        t.__dict__["tangent"] = tangent

    def process(self, prim: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute, and let what the tape saved keep its tangents (forward over reverse)."""
        out = super().process(prim, args, params)
        outs = out if type(out) is tuple else (out,)
        node = next((split_edge(o._node)[0] for o in outs if o._node is not None), None)
        if type(node) is Node and node.prim is prim:
            for k, (kind, i) in enumerate(node.plan.entries):
                if kind in ("x", "o") and i >= 0:
                    value = args[i] if kind == "x" else outs[i]
                    node.saved[3 * k] = self._keeper(value, node.saved[3 * k])
        return out

    def _keeper(self, value: Any, saved: Any) -> Any:
        """A saved array as a tensor with the tangent of the value it is of."""
        tangent = self.tangent_of(value)
        if tangent is None or isinstance(saved, (Tensor, Packed)):
            return saved
        keeper = standing(value, None)
        self._hold(keeper, tangent)
        return keeper

    def set_tangent(self, x: Any, tangent: Any) -> None:
        """Note who has a tangent now."""
        for t in (x, x._base):
            if t is not None and "tangent" not in t.__dict__:
                self.holders.append(weakref.ref(t))
        super().set_tangent(x, tangent)

    def check(self, x: Any, name: str) -> None:
        """Any tensor may be changed here."""
        self.beneath(inplace.check, x, name)

    def commit(self, x: Any, result: Any) -> None:
        """Change the tensor, then its tangent."""
        self._commit(x, result)

    def detach(self, x: Any) -> Any:
        """The same memory with neither history nor tangent."""
        return self.beneath(detached, x)


def _level() -> DualTrace | None:
    return next((t for t in reversed(STATE.traces) if type(t) is DualTrace), None)


def enter_dual_level() -> int:
    """Open a level of forward mode; returns its number."""
    if any(isinstance(t, JvpTrace) for t in STATE.traces):
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    DualTrace().__enter__()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level."""
    trace = _level()
    if trace is None:
        raise RuntimeError("Dual level must be a positive number.")
    trace.__exit__(None, None, None)


class dual_level:
    """Within the block, tensors may carry tangents.

    >>> import franken as torch
    >>> with dual_level():
    ...     x = make_dual(torch.tensor([2.0]), torch.tensor([1.0]))
    ...     unpack_dual(x * x).tangent.tolist()
    [4.0]
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()


def refuse_batched(tensor: Any) -> None:
    """Raise for a value of vmap, which no dual tensor can be made of."""
    if hasattr(tensor, "bdim"):
        raise RuntimeError(
            "Batching rule not implemented for aten::_make_dual; the fallback path doesn't work on "
            "out= or view ops."
        )


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A dual tensor with this value and tangent; both stay as they are."""
    trace = _level()
    if trace is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    refuse_batched(tensor)
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.dtype.is_floating_point or t.dtype.is_complex):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    if trace.tangent_of(tensor) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            "same level 0 is not supported."
        )
    check_tangent(tensor, tangent)
    return trace.make(tensor, tangent)


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor (None if it is not dual)."""
    trace = _level()
    tangent = None if trace is None else trace.tangent_of(tensor)
    if tangent is None:
        return UnpackedDualTensor(tensor, None)
    primal = standing(tensor, edge_of(tensor))
    primal._ver = version_of(tensor)
    return UnpackedDualTensor(primal, tangent)


__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
           "unpack_dual"]  # fmt: skip
