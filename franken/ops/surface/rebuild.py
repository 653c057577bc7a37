"""How a tensor is taken apart and put together again: what pickle and torch's files hold of it.

The functions have the names and arguments of torch's, because files name them: see `torch._utils`.
"""

from __future__ import annotations

import copyreg
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np

from franken.backends.meta.memory import laid
from franken.core import dtypes as dt
from franken.core.device import META, resolve
from franken.core.geometry.memory import byte_row, pointer, root_of
from franken.core.tensor import CONJ, NEG, Parameter, Tensor, attach, dress, held, wrap
from franken.ops.surface.read import own_attributes
from franken.ops.surface.storage import UntypedStorage, laid_over, storage_of
from franken.ops.surface.typed_storage import STORAGE_NAMES, TypedStorage

_SLOTS = frozenset(copyreg._slotnames(Tensor))  # type: ignore[attr-defined]
_FLAGS = {"conj": CONJ, "neg": NEG}
# What the library itself notes on a tensor; it holds for that object only.
_NOTES = frozenset({"pinned", "tangent", "tangent_at", "given", "hooks"})


def _no_hooks() -> OrderedDict[Any, Any]:
    return OrderedDict()


# --- taking apart --------------------------------------------------------------------------------


def _reduce_ex(self: Tensor, protocol: Any) -> Any:
    if self.level:
        raise RuntimeError("cannot pickle a tensor inside a transform")
    state = _state_of(self)
    if isinstance(self, Parameter):
        flag = bool(self.requires_grad)  # type: ignore[attr-defined]
        parts = (self.data, flag, _no_hooks())  # type: ignore[attr-defined]
        if state:
            return _rebuild_parameter_with_state, (*parts, state)
        return _rebuild_parameter, parts
    inner = self._reduce_ex_internal(protocol)  # type: ignore[attr-defined]
    if self.__class__ is Tensor and not state:
        return inner
    return _rebuild_from_type_v2, (inner[0], self.__class__, inner[1], state)


def _reduce_plain(self: Tensor, protocol: Any) -> Any:
    """The tensor without its class and attributes: a view of a storage."""
    warn_if_has_hooks(self)
    if self.device is META:
        geometry = self.dtype, tuple(self.shape), self.stride()  # type: ignore[attr-defined]
        return _rebuild_meta_tensor_no_storage, (*geometry, bool(self.requires_grad))  # type: ignore[attr-defined]
    storage, offset, stride = _place(self)
    flags = (bool(self.requires_grad), _no_hooks())  # type: ignore[attr-defined]
    parts = (offset, tuple(self.shape), stride, *flags)
    bits = ({name: True for name, bit in _FLAGS.items() if self._bits & bit},) if self._bits else ()
    if self.dtype in STORAGE_NAMES:
        return _rebuild_tensor_v2, (TypedStorage._over(storage, self.dtype), *parts, *bits)
    return _rebuild_tensor_v3, (storage, *parts, self.dtype, *bits)


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warn of each hook of a tensor's gradient, unless it is marked as one that need not be kept.

    >>> warn_if_has_hooks(wrap(np.ones(2)))
    """
    found = tensor._backward_hooks if tensor.requires_grad else None  # type: ignore[attr-defined]
    for hook in (found or {}).values():
        if not getattr(hook, "__torch_unserializable__", False):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )


def _place(t: Tensor) -> tuple[UntypedStorage, int, tuple[int, ...]]:
    """The storage of a tensor, and its offset and strides in elements.

    Memory that no storage can show (with gaps, strides or a start between elements) is copied.
    """
    a, root = held(t), root_of(held(t))
    n = int(a.itemsize)
    start = pointer(a) - pointer(root)
    fits = start % n == 0 and root.nbytes % n == 0 and all(s >= 0 and s % n == 0 for s in a.strides)
    if not fits or (isinstance(root, np.ndarray) and byte_row(root) is None):
        a = root = a.copy()
        start = 0
        return storage_of(root, t.device), 0, tuple([s // n for s in a.strides])
    return storage_of(root, t.device), start // n if a.size else 0, t.stride()  # type: ignore[attr-defined]


def _state_of(t: Tensor) -> Any:
    """What belongs to the object besides the tensor: the user's attributes, and slots."""
    if type(t).__getstate__ is not object.__getstate__:  # type: ignore[attr-defined]
        return t.__getstate__()  # type: ignore[attr-defined]
    attributes = {k: v for k, v in own_attributes(t).items() if k not in _NOTES} or None
    more = [n for n in copyreg._slotnames(t.__class__) if n not in _SLOTS]  # type: ignore[attr-defined]
    slots = {name: getattr(t, name) for name in more if hasattr(t, name)}
    return (attributes, slots) if slots else attributes


# --- putting together ----------------------------------------------------------------------------


def _rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    """A tensor over a typed storage."""
    return over_storage(storage.untyped(), storage.dtype, storage_offset, size, stride)


def over_storage(
    storage: UntypedStorage, dtype: dt.dtype, offset: int, size: Any, stride: Any
) -> Tensor:
    """A tensor that shows elements of a storage; RuntimeError if they are not there."""
    if dtype.np is None:
        raise RuntimeError(f"tensors of {dtype} are not supported")
    return wrap(laid_over(storage, dtype, offset, size, stride), storage.device)


def _rebuild_tensor_v2(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any,
    backward_hooks: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor over a typed storage, with its flags."""
    made = _rebuild_tensor(storage, storage_offset, size, stride)
    return flagged(made, requires_grad, metadata)


def _rebuild_tensor_v3(
    storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any,
    backward_hooks: Any, dtype: Any, metadata: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor of a dtype that has no typed storage."""
    made = over_storage(storage.untyped(), dtype, storage_offset, size, stride)
    return flagged(made, requires_grad, metadata)


def flagged(made: Tensor, requires_grad: Any, metadata: Any) -> Tensor:
    """The tensor with the bits that a file says it has; RuntimeError for ones not known."""
    for flag, on in (metadata or {}).items():
        if flag not in _FLAGS:
            raise RuntimeError(f"a tensor with {flag!r} is not supported")
        dress(made, made._bits | (_FLAGS[flag] if on else 0))
    if requires_grad:
        made.requires_grad_()  # type: ignore[attr-defined]
    return made


def _rebuild_meta_tensor_no_storage(
    dtype: Any, size: Any, stride: Any, requires_grad: Any
) -> Tensor:
    """A tensor of the meta device."""
    steps = tuple([s * dtype.np.itemsize for s in stride])
    return flagged(wrap(laid(tuple(size), dtype.np, steps), META), requires_grad, None)


def _rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any) -> Any:
    """A parameter over a tensor."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Any, requires_grad: Any, backward_hooks: Any, state: Any
) -> Any:
    """A parameter with attributes."""
    return _with_state(Parameter(data, requires_grad), state)


def _rebuild_from_type_v2(func: Any, new_type: Any, args: Any, state: Any) -> Any:
    """A tensor of another class, or with attributes."""
    made = func(*args)
    if type(made) is not new_type:
        made = made.as_subclass(new_type)
    if type(made).__setstate__ is not Tensor.__setstate__:  # type: ignore[attr-defined]
        made.__setstate__(state)
        return made
    return _with_state(made, state)


def _with_state(made: Any, state: Any) -> Any:
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    made.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(made, name, value)
    return made


def _rebuild_device_tensor_from_numpy(
    data: Any, dtype: Any, device: Any, requires_grad: Any
) -> Any:
    """A tensor of another device from a NumPy array."""
    return _rebuild_device_tensor_from_cpu_tensor(wrap(data), dtype, device, requires_grad)


def _rebuild_device_tensor_from_cpu_tensor(
    data: Any, dtype: Any, device: Any, requires_grad: Any
) -> Any:
    """A tensor of another device from one on the CPU."""
    made = data.to(dtype=dtype, device=resolve(device))
    made.requires_grad = requires_grad
    return made


def _setstate(self: Tensor, state: Any) -> None:
    """What pickles of torch's first versions call: (storage, offset, size, stride, flag)."""
    if not self.is_leaf:  # type: ignore[attr-defined]
        raise RuntimeError("__setstate__ can be only called on leaf Tensors")
    if len(state) == 4:
        self.set_(*state)  # type: ignore[attr-defined]
        return
    if len(state) == 5:  # the third is the size
        self.set_(*state[:4])  # type: ignore[attr-defined]
    self.requires_grad = bool(state[-1] if len(state) == 5 else state[1])  # type: ignore[attr-defined]


attach(__reduce_ex__=_reduce_ex, _reduce_ex_internal=_reduce_plain, __setstate__=_setstate)
