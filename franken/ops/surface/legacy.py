"""`Tensor(...)`, `Parameter(...)` and the old type names (FloatTensor, LongTensor ...).

Knows what those constructors accept: sizes, or a sequence, or another tensor.
"""

from __future__ import annotations

import builtins
import copyreg
import functools
from typing import Any, overload

import numpy as np

from franken.core import dtypes as dt
from franken.core.device import CPU, resolve
from franken.core.geometry.size import Size
from franken.core.op import op
from franken.core.overriding.dispatch import ALL_OFF, Switched, overrides
from franken.core.primitive import _wrap
from franken.core.tensor import Parameter, Tensor
from franken.ops.declaring.samples import NoSamples, S
from franken.ops.surface.args import allocate, as_device, as_sizes, kind_name, unwritten
from franken.ops.surface.creation import filled, finish
from franken.ops.surface.data import inferred
from franken.ops.surface.read import as_class
from franken.ops.surface.storage import UntypedStorage, laid_over
from franken.ops.surface.to import converted
from franken.ops.surface.typed_storage import TypedStorage, old_name

_TYPE_NAMES = {
    d.scalar_name: d
    for d in (
        dt.float32, dt.float64, dt.float16, dt.bfloat16, dt.int64, dt.int32, dt.int16, dt.int8,
        dt.uint8, dt.bool, dt.complex64, dt.complex128,
    )
}  # fmt: skip


def legacy(d: dt.dtype, dev: Any, args: tuple[Any, ...]) -> Tensor:
    """A tensor from sizes (zeroed), from a sequence (its values), or from a tensor (the same)."""
    if not args:
        return finish(allocate((0,), d.np), dev)
    first = args[0]
    if isinstance(first, Size) or (
        isinstance(first, (int, np.integer)) and not isinstance(first, bool)
    ):
        return filled(as_sizes("new", args), unwritten(d), d, as_device("new", dev))
    if len(args) > 1:
        raise TypeError(
            f"new() received an invalid combination of arguments - got "
            f"({', '.join(kind_name(a) for a in args)}), but expected sizes or one sequence"
        )
    if isinstance(first, Tensor):
        return first.detach()  # type: ignore[attr-defined,no-any-return]
    if isinstance(first, TypedStorage):
        first = first.elements_for(d, d.scalar_name)
    if isinstance(first, UntypedStorage):
        shown = first.nbytes() // d.itemsize
        return _wrap(laid_over(first, d, 0, (shown,), (1,)), first.device)
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(first, "__len__") or isinstance(first, np.generic):
        raise TypeError(f"new(): data must be a sequence (got {kind_name(first)})")
    return finish(inferred(first, d), dev)


def _construct(cls: Any, *args: Any, **kwargs: Any) -> Any:
    if issubclass(cls, Parameter):
        return parameter(cls, *args, **kwargs)
    dev = kwargs.pop("device", None)
    if "data" in kwargs:
        args = (kwargs.pop("data"), *args)
    if kwargs and cls is Tensor:
        got = ", ".join(
            [kind_name(a) for a in args] + [f"{k}={kind_name(v)}" for k, v in kwargs.items()]
        )
        raise TypeError(
            f"new() received an invalid combination of arguments - got ({got}), but expected one "
            "of: (*, torch.device device), (Tensor other), (tuple of ints size, *, torch.device "
            "device), (object data, *, torch.device device)"
        )
    made = legacy(dt.get_default_dtype(), None if dev is None else as_device("new", dev), args)
    return made if cls is Tensor else as_class(made, cls)


def parameter(cls: Any, data: Any = None, requires_grad: bool = True) -> Any:
    """A leaf over the memory of `data` that modules register as trainable."""
    if data is None:
        data = _wrap(np.zeros((0,), dt.get_default_dtype().np), CPU)
    if cls is Parameter and (overrides(builtins.type(data)) or data.foreign and not data.level):
        return _marked(data, requires_grad)
    with Switched(ALL_OFF):
        return _leaf_of(cls, data, requires_grad)


def _marked(data: Any, requires_grad: bool) -> Any:
    """A parameter that stays an instance of its subclass."""
    made = data.detach().requires_grad_(requires_grad)
    given, got = builtins.type(data), builtins.type(made)
    if got is not given:
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {given.__name__} requires that "
            f"detach() returns an instance of the same type, but return type {got.__name__} was "
            "found instead. To use the type as a Parameter, please correct the detach() semantics "
            "defined by its __torch_dispatch__() implementation."
        )
    made._is_param = True
    return made


def _leaf_of(cls: Any, data: Any, requires_grad: bool) -> Any:
    made = _of_class(data.detach(), cls)
    if requires_grad:
        if not (made.dtype.is_floating_point or made.dtype.is_complex):
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        made.requires_grad = True  # inside a transform too, where requires_grad_() is refused
    return made


def _of_class(t: Any, cls: Any) -> Any:
    """A new tensor, or value of a transform, as an instance of `cls`."""
    if not t.level:
        return as_class(t, cls)
    kind: Any = builtins.type(t)
    t.__class__ = _traced_class(kind, cls)
    return t


@functools.cache
def _traced_class(kind: Any, cls: Any) -> Any:
    def twin(self: Any, edge: Any, value: Any = None) -> Any:
        made = kind.twin(self, edge, value)
        made.__class__ = kind  # what is derived of a parameter is none
        return made

    return builtins.type(cls.__name__, (kind, cls), {"__slots__": (), "twin": twin})


Tensor._construct = _construct


@op(
    at="",
    method=True,
    samples=NoSamples("a constructor of old programs; its memory is uninitialised"),
)
def new(input: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this dtype and device from sizes or a sequence (deprecated)."""
    return legacy(input.dtype, input.device if device is None else as_device("new", device), args)


# --- type names ----------------------------------------------------------------------------------


class tensortype(builtins.type):
    """The class of FloatTensor and its like: callable, and `isinstance` asks dtype and device."""

    dtype: dt.dtype
    is_cuda: bool

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        return legacy(cls.dtype, resolve("cuda") if cls.is_cuda else as_device("new", device), args)

    def __instancecheck__(cls, value: Any) -> bool:
        return (
            isinstance(value, Tensor)
            and value.dtype is cls.dtype
            and (value.device.type == "cuda") is cls.is_cuda
        )

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__name__}'>"


copyreg.pickle(tensortype, old_name)  # type: ignore[arg-type]


def type_names(module: str) -> dict[str, Any]:
    """{"FloatTensor": ..., ...} for `torch` or `torch.cuda`."""
    return {
        f"{name}Tensor": tensortype(
            f"{name}Tensor",
            (),
            {"__module__": module, "dtype": d, "is_cuda": module[-4:] == "cuda"},
        )
        for name, d in _TYPE_NAMES.items()
    }


def type_name(d: dt.dtype, dev: Any) -> str:
    """torch's name of a tensor type, such as torch.FloatTensor."""
    return f"torch.{'' if dev is CPU else f'{dev.type}.'}{d.scalar_name}Tensor"


def parse_type(name: str) -> tuple[dt.dtype, Any]:
    """(dtype, device) of a name such as torch.cuda.FloatTensor."""
    module, _, short = name.rpartition(".")
    d = _TYPE_NAMES.get(short.removesuffix("Tensor")) if short.endswith("Tensor") else None
    if d is None or module not in ("torch", "torch.cuda"):
        raise ValueError(f"invalid type: {name!r}")
    return d, resolve("cuda") if module == "torch.cuda" else CPU


@overload
def type(input: Tensor, dtype: None = None, non_blocking: bool = False) -> str: ...
@overload
def type(input: Tensor, dtype: Any, non_blocking: bool = False) -> Tensor: ...
@op(at="", method=True, samples=lambda t: [S(t.const(2)), S(t.const(2), t.module.float64)])
def type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type's name; or, given a dtype or a type's name, the tensor so cast."""
    if dtype is None:
        return type_name(input.dtype, input.device)
    if isinstance(dtype, str):
        d, dev = parse_type(dtype)
    elif isinstance(dtype, tensortype):
        d, dev = dtype.dtype, resolve("cuda") if dtype.is_cuda else CPU
    elif dtype is Tensor:
        d, dev = dt.get_default_dtype(), CPU
    elif isinstance(dtype, dt.dtype):
        d, dev = dtype, input.device
    else:
        raise TypeError("invalid type object: only dtypes and tensor types can be given")
    return converted(input, d, dev)
