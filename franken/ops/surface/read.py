"""Reading a tensor out: item, tolist, numpy, Python's number protocols, NumPy's, DLPack, copies.

Knows host arrays. A value inside grad or jvp is one value and can be read; inside vmap it is not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.dlpack import exported
from franken.core import dtypes as dt
from franken.core.device import CPU, META
from franken.core.geometry.memory import root_of
from franken.core.op import op
from franken.core.overriding.dispatch import overrides
from franken.core.primitive import born
from franken.core.state import STATE
from franken.core.tensor import (
    CONJ,
    Tensor,
    attach,
    dress,
    first_version,
    held,
    hold,
    version_of,
)
from franken.ops.declaring.samples import S, read
from franken.ops.shape.movement import alias_
from franken.ops.surface.args import checked_number, kind_name

_new = object.__new__
_VMAP_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling "
    ".item() on a Tensor, please try to rewrite what you're doing with other operations."
)
_TRACKED = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
_VMAP_BOOL = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. "
    "We don't support that yet; write it with where() instead."
)
_NO_NUMPY = frozenset(
    d for d in dt.ALL.values() if d.name in ("bfloat16", "complex32") or d.name[:6] == "float8"
)


def concrete(t: Tensor, why: str = _VMAP_ITEM) -> Tensor:
    """The plain tensor below the transforms; RuntimeError(why) inside vmap."""
    while t.level:
        hidden = t.hides_value  # type: ignore[attr-defined]
        if hidden:
            raise RuntimeError(why if hidden is True else hidden)
        t = t._a
    return t


def host_array(t: Tensor) -> Any:
    """A host array of a plain tensor's values (its own memory on the CPU)."""
    if t.device is CPU:
        return t._a
    from franken.backends import registry

    return registry.to_host(t._a, t.device)


def _item(t: Tensor) -> Any:
    """The one element of a plain tensor."""
    if t.device is META:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    return host_array(t).item()


def number_of(t: Tensor, why: str = _VMAP_ITEM) -> Any:
    """The value of a one-element tensor as a Python number."""
    if t.level:
        t = concrete(t, why)
    if t._a.size != 1:
        raise RuntimeError(f"a Tensor with {t._a.size} elements cannot be converted to Scalar")
    value = _item(t)
    return value if type(value) in (float, int, bool, complex) else float(value)


@op(samples=read)
def numel(input: Tensor) -> int:
    """The number of elements."""
    return math.prod(input.shape)


@op(at="", method=True, samples=lambda t: [S(t.const()), S(t.const(1, 1)), S(t.mask(1))])
def item(input: Tensor) -> bool | int | float:
    """The value of a one-element tensor as a Python number."""
    return number_of(input)


@op(at="", method=True, samples=read)
def tolist(input: Tensor) -> Any:
    """The values as nested lists (one Python number for a 0-dimensional tensor)."""
    a = host_array(concrete(input))
    return (a.astype(np.float64) if a.dtype.kind == "V" else a).tolist()


@op(at="", method=True, samples=read)
def numpy(input: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """The memory as a NumPy array, shared on the CPU; `force` copies whatever stands in the way."""
    tracked = STATE.grad and input.requires_grad  # type: ignore[attr-defined]
    if input.level:
        input = concrete(input, "Cannot access data pointer of Tensor that doesn't have storage")
        if not force:
            if tracked:
                raise RuntimeError(_TRACKED)
            raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")
    if not force:
        if input.device.type != "cpu":
            raise TypeError(
                f"can't convert {input.device} device type tensor to numpy. Use Tensor.cpu() to "
                "copy the tensor to host memory first."
            )
        if tracked:
            raise RuntimeError(_TRACKED)
        if input._bits:
            what, name = ("conjugate", "conj") if input._bits & CONJ else ("negative", "neg")
            raise RuntimeError(
                f"Can't call numpy() on Tensor that has {what} bit set. Use tensor.resolve_{name}()"
                ".numpy() instead."
            )
    if input.dtype in _NO_NUMPY:
        raise TypeError(f"Got unsupported ScalarType {input.dtype.scalar_name}")
    return host_array(input).copy() if input._bits else host_array(input)


# --- Python's protocols --------------------------------------------------------------------------


def _bool(self: Tensor) -> bool:
    t = concrete(self, _VMAP_BOOL) if self.level else self
    if t._a.size != 1:
        what = "more than one value" if t._a.size else "no values"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return bool(_item(t))


def _single(self: Tensor) -> Any:
    if math.prod(self.shape) != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return number_of(self)


def _float(self: Tensor) -> float:
    return float(checked_number(_single(self), dt.float64))


def _int(self: Tensor) -> int:
    value = _single(self)
    if isinstance(value, complex):
        value = checked_number(value, dt.int64)
    return int(value)


def _complex(self: Tensor) -> complex:
    return complex(_single(self))


def _index(self: Tensor) -> int:
    if math.prod(self.shape) != 1 or self.dtype.kind > dt.INTEGER:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(number_of(self))


def _format(self: Tensor, spec: str) -> str:
    plain = self.__class__ is Tensor and self.device is not META
    if self.ndim == 0 and plain:
        return number_of(self).__format__(spec)  # type: ignore[no-any-return]
    return object.__format__(self, spec)


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, bool, int, float, complex, np.generic)):
        return bool((element == self).any().item())  # type: ignore[union-attr]
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


# --- NumPy's and DLPack's protocols --------------------------------------------------------------


def _array(self: Tensor, dtype: Any = None, copy: Any = None) -> Any:
    a = self.numpy()  # type: ignore[attr-defined]
    if dtype is not None and a.dtype != dtype:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return a.astype(dtype)
    return a.copy() if copy else a


def _dlpack(self: Tensor, *, stream: Any = None, **options: Any) -> Any:
    if self.requires_grad:  # type: ignore[attr-defined]
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self.level:
        raise BufferError("Can't export a tensor inside a transform")
    if self._bits & CONJ:
        raise BufferError("Can't export tensors with the conjugate bit set")
    if self.device is META:
        raise BufferError("Cannot pack tensors on meta")
    if self.device is not CPU:
        return exported(held(self), stream=stream, **options)
    if stream is not None:
        raise AssertionError("stream should be None on cpu.")
    return exported(held(self), **options)


def _dlpack_device(self: Tensor) -> Any:
    if self.device is META:
        raise ValueError("Unknown device type meta for Dlpack")
    return (1, 0) if self.device is CPU else self._a.__dlpack_device__()


def _cuda_interface(self: Tensor) -> Any:
    if self.device.type != "cuda" or self.level:
        raise AttributeError(
            f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA "  # type: ignore[attr-defined]
            "data is required use tensor.cuda() to copy tensor to device memory."
        )
    return self._a.__cuda_array_interface__


# --- copies and pickles --------------------------------------------------------------------------


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    from copy import deepcopy

    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]
    if not self.is_leaf or self.level:  # type: ignore[attr-defined]
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if overrides(self.__class__) and type(self.new_empty([])) is not self.__class__:  # type: ignore[attr-defined]
        raise RuntimeError(
            "The default implementation of __deepcopy__() for non-wrapper subclasses only works "
            "for subclass types that implement new_empty() and for which that function returns "
            "another instance of the same subclass. You should either properly implement "
            "new_empty() for your subclass or override __deepcopy__() if it is intended behavior "
            "for new_empty() to return an instance of a different type."
        )
    made = _like(self.__class__, copied_array(self._a, memo), self.device, self.requires_grad)  # type: ignore[attr-defined]
    made = born(made)
    memo[id(self)] = made
    if getattr(self, "_grad", None) is not None:
        made._grad = deepcopy(self._grad, memo)  # type: ignore[attr-defined]
    made.__dict__.update(deepcopy(own_attributes(self), memo))
    return made


def own_attributes(t: Tensor) -> dict[str, Any]:
    """The user's attributes, without what autograd notes about the graph."""
    return {k: v for k, v in t.__dict__.items() if k not in ("retained", "_runs")}


def copied_array(a: Any, memo: dict[int, Any]) -> Any:
    """A copy in which tensors that shared memory share it again."""
    root = root_of(a) if isinstance(a, np.ndarray) else a
    if root is a or not root.flags.c_contiguous:
        key = ("array", id(a))
        if key not in memo:
            memo[key] = a.copy(order="K")  # type: ignore[index]
        return memo[key]  # type: ignore[index]
    copied = copied_array(root, memo)
    start = a.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    if not start >= 0 or a.size and start + a.itemsize > root.nbytes:
        return a.copy(order="K")
    row = copied.reshape(-1).view(np.uint8)
    return type(row)(a.shape, a.dtype, row, start, a.strides)


def _like(cls: Any, array: Any, dev: Any, requires_grad: bool) -> Any:
    t = _new(cls)
    t._a, t.device, t._ver = array, dev, first_version(array)
    t._node = t._base = None
    if requires_grad:
        t.requires_grad_()
    return t


def _shallow_copy(self: Tensor) -> Any:
    """`copy.copy`: a leaf over the same memory, as what torch's pickling makes of a tensor."""
    if self.level:
        raise RuntimeError("cannot copy a tensor inside a transform")
    view = held(self).view()
    t = _like(self.__class__, view, self.device, bool(self.requires_grad))  # type: ignore[attr-defined]
    dress(t, self._bits)
    t.__dict__.update(own_attributes(self))
    return t


# --- subclasses ----------------------------------------------------------------------------------


def as_class(t: Tensor, cls: Any) -> Any:
    """The same tensor (memory, version, graph) as an instance of another class."""
    made = _new(cls)
    made.device, made._node, made._base = t.device, t._node, t._base
    made._ver = version_of(t)
    hold(made, held(t))
    if t._base is not None:
        made._chain, made._view_ver = t._chain, t._view_ver
        if hasattr(t, "_vmeta"):
            made._vmeta = t._vmeta
    return dress(made, t._bits)


def _as_subclass(self: Tensor, cls: Any) -> Any:
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(
            f"as_subclass(): argument 'cls' must be a Tensor type, not {kind_name(cls)}"
        )
    return as_class(alias_(self), cls)


def _make_subclass(cls: Any, data: Tensor, require_grad: bool = False, **options: Any) -> Any:
    made = as_class(data.detach(), cls)  # type: ignore[attr-defined]
    if require_grad:
        made.requires_grad_()
    return made


attach(
    __bool__=_bool,
    __float__=_float,
    __int__=_int,
    __complex__=_complex,
    __index__=_index,
    __format__=_format,
    __contains__=_contains,
    __hash__=object.__hash__,
    __array__=_array,
    __array_priority__=1000,
    __dlpack__=_dlpack,
    __dlpack_device__=_dlpack_device,
    __cuda_array_interface__=property(_cuda_interface),
    __copy__=_shallow_copy,
    __deepcopy__=_deepcopy,
    as_subclass=_as_subclass,
    _make_subclass=staticmethod(_make_subclass),
)
