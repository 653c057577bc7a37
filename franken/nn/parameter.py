"""Parameter and Buffer, the tensors that a module owns, and their uninitialised forms.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import franken
from franken import Tensor
from franken.faces.inner import Parameter
from franken.faces.overrides import _disabled_torch_function_impl


class _BufferType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferType):
    """A tensor that a module registers as a buffer when it is assigned.

    >>> import franken as torch
    >>> m = torch.nn.Module()
    >>> m.b = torch.nn.Buffer(torch.ones(2))
    >>> list(m.state_dict())
    ['b']
    """

    persistent: bool
    __torch_function__ = staticmethod(_disabled_torch_function_impl)

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made: Any = (
            franken.empty(0) if data is None else data.detach().requires_grad_(data.requires_grad)
        )
        made.persistent = persistent
        made._is_buffer = True
        return made


if TYPE_CHECKING:
    from franken import Tensor as _Tensor  # what it is mixed into
else:
    _Tensor = object


class UninitializedTensorMixin(_Tensor):
    """A parameter or buffer whose shape is not known yet; `materialize` gives it one."""

    cls_to_become: Any = None
    __torch_function__ = staticmethod(_disabled_torch_function_impl)

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an (unfilled) tensor of `shape`, in place."""
        device = self.device if device is None else device
        dtype = self.dtype if dtype is None else dtype
        made = franken.empty(shape, device=device, dtype=dtype)
        requires_grad = self.requires_grad
        self._a, self.device, self._node, self._ver = made._a, made.device, None, None
        self.__class__ = self.cls_to_become
        self.requires_grad_(requires_grad)  # the graph's leaf knows the shape

    @property
    def shape(self) -> Any:
        """Not known yet: raises."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> Any:
        """Not possible without memory: raises."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, device=self.device, dtype=self.dtype)
        return memo[id(self)]


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is taken from the first input."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        made = Parameter(franken.empty(0, device=device, dtype=dtype), requires_grad)
        made.__class__ = cls
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is taken from the first input."""

    cls_to_become = Tensor
    persistent: bool
    __torch_function__ = staticmethod(_disabled_torch_function_impl)

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None,
        persistent: bool = True,
    ) -> Any:  # fmt: skip
        made: Any = franken.empty(0, device=device, dtype=dtype)
        made.__class__ = cls
        made.persistent = persistent
        made._is_buffer = True
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


__all__ = [
    "Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter",
    "UninitializedTensorMixin", "is_lazy",
]  # fmt: skip
