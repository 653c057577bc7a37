"""`Variable`, torch's old name of Tensor.

Knows Tensor only.
"""

from __future__ import annotations

from typing import Any

from franken.core.tensor import Tensor


class _AnyTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: Any = None) -> Any:
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_AnyTensor):
    """`Variable(tensor, requires_grad)` is the tensor's memory with the flag set."""
