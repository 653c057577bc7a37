"""What nn, optim, distributions and utils need of the inside: they import the face only."""

from __future__ import annotations

from franken.core.handles import RemovableHandle
from franken.core.op import namespace
from franken.core.tensor import Parameter
from franken.engine.function import Function, once_differentiable
from franken.ops.surface.rebuild import warn_if_has_hooks
from franken.ops.surface.to import parse as parse_to
from franken.transforms.modules import functional_call

__all__ = [
    "Function", "Parameter", "RemovableHandle", "functional_call", "namespace",
    "once_differentiable", "parse_to", "warn_if_has_hooks",
]  # fmt: skip
