"""What a tensor is: sizes, strides, kind of dtype, place in memory; and questions about dtypes.

Knows metadata only: nothing here reads an element, except is_nonzero.
"""

from __future__ import annotations

import math
from typing import Any, overload

from franken.backends.meta import rules
from franken.core import dtypes as dt
from franken.core import promotion
from franken.core.calls.numbers import python_number
from franken.core.device import CPU
from franken.core.geometry import layout as layouts
from franken.core.geometry.memory import element_strides, first_place, pointer, root_of
from franken.core.geometry.shapes import wrap_dim
from franken.core.geometry.size import Size
from franken.core.op import op
from franken.core.state import INFERENCE
from franken.core.tensor import Tensor, held
from franken.core.trace import memory
from franken.ops.declaring.samples import NoSamples, S, read
from franken.ops.surface.args import as_dtype, dtype_of_number, kind_name


def strides_of(t: Tensor) -> tuple[int, ...]:
    """Strides in elements; a traced tensor's are those of its value without hidden dimensions."""
    if not t.level:
        return element_strides(held(t))
    low = strides_of(t._a)
    hidden = getattr(t, "bdim", None)
    return low if hidden is None else low[:hidden] + low[hidden + 1 :]


def _which(name: str, input: Tensor, dim: Any) -> int:
    if isinstance(dim, (bool, float, str)) or not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not {kind_name(dim)}")
    return wrap_dim(dim.__index__(), input.ndim)


@overload
def size(input: Tensor, dim: None = None) -> Size: ...
@overload
def size(input: Tensor, dim: int) -> int: ...
@op(
    at="",
    method=True,
    samples=lambda t: [S(t.const(2, 3)), S(t.const(2, 3), -1), S(t.const()), S(t.const(2, 0))],
)
def size(input: Tensor, dim: int | None = None) -> Size | int:
    """The sizes, or one of them."""
    return input.shape if dim is None else input.shape[_which("size", input, dim)]


@overload
def stride(input: Tensor, dim: None = None) -> tuple[int, ...]: ...
@overload
def stride(input: Tensor, dim: int) -> int: ...
@op(
    at="",
    method=True,
    samples=lambda t: [S(t.const(2, 3)), S(t.const(2, 3), -1), S(t.const()), S(t.const(2, 0))],
)
def stride(input: Tensor, dim: int | None = None) -> tuple[int, ...] | int:
    """The strides in elements, or one of them."""
    found = strides_of(input)
    return found if dim is None else found[_which("stride", input, dim)]


@op(at="", method=True, alias=("ndimension",), samples=read)
def dim(input: Tensor) -> int:
    """The number of dimensions."""
    return input.ndim


@op(at="", method=True, samples=read)
def nelement(input: Tensor) -> int:
    """The number of elements."""
    return math.prod(input.shape)


@op(at="", method=True, samples=read)
def element_size(input: Tensor) -> int:
    """Bytes of one element."""
    return input.dtype.itemsize


@op(samples=read)
def get_device(input: Tensor) -> int:
    """The GPU's number, -1 on the CPU."""
    return -1 if input.device.index is None else input.device.index


def _backed(input: Tensor) -> Any:
    if input.level:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")
    return held(input)


@op(at="", method=True, samples=NoSamples("memory: an address, or an object of the library itself"))
def data_ptr(input: Tensor) -> int:
    """The address of the first element."""
    a = _backed(input)
    return pointer(a) if a.size and not input.is_meta else 0  # type: ignore[attr-defined]


@op(at="", method=True, samples=read)
def storage_offset(input: Tensor) -> int:
    """How many elements into its memory the tensor begins."""
    return first_place(memory(input))


# --- kinds ---------------------------------------------------------------------------------------


@op(samples=read)
def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex."""
    return input.dtype.is_complex


@op(samples=read)
def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floating-point numbers."""
    return input.dtype.is_floating_point


@op(samples=read)
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative values."""
    return input.dtype.is_signed


@op(samples=lambda t: [S(t.const(1)), S(t.const()), S(t.of([0]))])
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero."""
    return bool(input)


@op(samples=read)
def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input._ver is INFERENCE


@op(at="", method=True, samples=read)
def is_pinned(input: Tensor, device: Any = None) -> bool:
    """Whether host memory is page-locked."""
    return bool(input.__dict__.get("pinned", False))


@op(at="", method=True, samples=NoSamples("needs an accelerator"))
def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """A copy in page-locked host memory, for quick transfers to a GPU."""
    from franken.backends import registry
    from franken.core.primitive import _wrap

    if input.device is not CPU:
        kind = f"Meta{input.dtype.scalar_name}Type" if input.is_meta else input.type()  # type: ignore[attr-defined]
        raise RuntimeError(f"cannot pin '{kind}' only dense CPU tensors can be pinned")
    if is_pinned(input):
        return input
    made = _wrap(registry.pinned(input._a), CPU)
    made.__dict__["pinned"] = True
    return made


@op(at="", method=True, samples=read)
def is_shared(input: Tensor) -> bool:
    """Whether the memory is shared with other processes."""
    return False


@op(at="", method=True, samples=lambda t: [S(t.const(2), t.const(2))])
def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Whether both look at the same memory in the same way."""
    if input.is_meta:  # type: ignore[attr-defined]
        rules.refuse("is_set_to")
    return (
        data_ptr(input) == data_ptr(tensor)
        and not (input._bits or tensor._bits)
        and (input.shape.numel() > 0 or root_of(input._a) is root_of(tensor._a))
        and tuple(input.shape) == tuple(tensor.shape)
        and strides_of(input) == strides_of(tensor)
        and input.dtype is tensor.dtype
    )


@op(method=False, samples=lambda t: [S(t.const(2)), S(3)])
def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


# --- promotion -----------------------------------------------------------------------------------


def _operand(value: Any) -> tuple[dt.dtype, int]:
    if isinstance(value, Tensor):
        return value.dtype, promotion.DIMENSIONED if value.ndim else promotion.ZERO_DIM
    number = python_number(value)
    if number is not None:
        return dtype_of_number(number), promotion.WRAPPED_NUMBER
    raise TypeError(kind_name(value))


@op(
    method=False,
    # The names of the overloads; which operand is first makes no difference.
    also={
        "tensor": "tensor1",
        "scalar1": "tensor1",
        "other": "tensor2",
        "scalar": "tensor2",
        "scalar2": "tensor2",
    },
    samples=lambda t: [
        S(t.const(2), 1.5),
        S(t.const(2, dtype=t.module.int32), t.const()),
        S(1, 2.5),
    ],
)
def result_type(tensor1: Any, tensor2: Any) -> dt.dtype:
    """The dtype that an op on both (tensors or numbers) gives."""
    try:
        return promotion.result_type(_operand(tensor1), _operand(tensor2))
    except TypeError:
        raise TypeError(
            f"result_type() received an invalid combination of arguments - got "
            f"({kind_name(tensor1)}, {kind_name(tensor2)}), but expected tensors or numbers"
        ) from None


def _checked_dtype(name: str, argument: str, position: int, value: Any) -> dt.dtype:
    if not isinstance(value, (dt.dtype, type)):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be torch.dtype, not "
            f"{kind_name(value)}"
        )
    return value if isinstance(value, dt.dtype) else as_dtype(name, value)


@op(
    method=False,
    samples=lambda t: [S(t.dtype, t.module.int64), S(t.module.float16, t.module.bfloat16)],
)
def promote_types(type1: Any, type2: Any) -> dt.dtype:
    """The smallest dtype that both may be cast to."""
    return promotion.promote_types(
        _checked_dtype("promote_types", "type1", 1, type1),
        _checked_dtype("promote_types", "type2", 2, type2),
    )


@op(method=False, samples=lambda t: [S(t.dtype, t.module.int64), S(t.module.int64, t.dtype)])
def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of one dtype may be written into a tensor of the other."""
    return promotion.can_cast(
        _checked_dtype("can_cast", "from_", 1, from_), _checked_dtype("can_cast", "to", 2, to)
    )


# --- properties ----------------------------------------------------------------------------------


def _says(answer: Any) -> property:
    return property(lambda self: answer)


_PROPERTIES = {
    "itemsize": property(lambda self: self.dtype.itemsize),
    "nbytes": property(lambda self: math.prod(self.shape) * self.dtype.itemsize),
    "is_cpu": property(lambda self: self.device.type == "cpu"),
    "is_cuda": property(lambda self: self.device.type == "cuda"),
    "is_meta": property(lambda self: self.device.type == "meta"),
    "layout": _says(layouts.strided),
    **{
        name: _says(False)
        for name in (
            "is_sparse", "is_sparse_csr", "is_quantized", "is_mkldnn", "is_nested", "is_mps",
            "is_xpu", "is_ipu", "is_xla", "is_vulkan", "is_maia", "is_mtia",
        )
    },
}  # fmt: skip

for _key, _value in _PROPERTIES.items():
    setattr(Tensor, _key, _value)
