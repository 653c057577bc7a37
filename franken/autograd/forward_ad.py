"""torch.autograd.forward_ad: dual tensors within a level.

A dual level is a JvpTrace that stays open; its tensors turn plain again when it ends.
Source: https://docs.pytorch.org/docs/stable/autograd.html#forward-mode-automatic-differentiation
"""

from __future__ import annotations

from typing import Any, NamedTuple

from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.transforms.jvp import JvpTrace, JvpTracer


class UnpackedDualTensor(NamedTuple):
    """The two halves of a dual tensor; the tangent is None if it has none."""

    primal: Any
    tangent: Any


class DualTrace(JvpTrace):
    """A level of forward mode that ends by making its tensors plain."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        for ref in self.made:
            tracer = ref()
            if tracer is not None and type(tracer) is JvpTracer:
                _make_plain(tracer)
        self.made.clear()


def _make_plain(tracer: Any) -> None:
    value = tracer._a
    tracer.__dict__.clear()
    tracer.__class__ = type(value)
    tracer.__dict__.update(value.__dict__)
    tracer._a, tracer._node, tracer._ver, tracer._base = (
        value._a, value._node, value._ver, value._base
    )  # fmt: skip
    if value._base is not None:
        tracer._chain, tracer._view_ver = value._chain, value._view_ver


def _level() -> DualTrace | None:
    return next((t for t in reversed(STATE.traces) if type(t) is DualTrace), None)


def enter_dual_level() -> int:
    """Open a level of forward mode; returns its number."""
    if _level() is not None:
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


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A dual tensor with this value and tangent; both stay as they are."""
    trace = _level()
    if trace is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.dtype.is_floating_point or t.dtype.is_complex):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    if tensor.level == trace.level:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            "same level 0 is not supported."
        )
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    return JvpTracer.make(tensor, tangent, trace)


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor (None if it is not dual)."""
    trace = _level()
    if trace is None or not isinstance(tensor, Tensor) or tensor.level != trace.level:
        return UnpackedDualTensor(tensor, None)
    dual: Any = tensor
    return UnpackedDualTensor(dual._a, dual.tangent)


__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
           "unpack_dual"]  # fmt: skip
