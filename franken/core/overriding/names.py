"""How public functions are called where overrides are spoken of. Knows no op but by name."""

from __future__ import annotations

from typing import Any

from franken.core.tensor import Tensor

_FUNCTIONS = """
atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors cartesian_prod cdist chain_matmul
einsum lobpcg lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique
unique_consecutive unravel_index
"""
_METHODS = """
__array__ __array_wrap__ __contains__ __deepcopy__ __dir__ __dlpack__ __dlpack_device__
__floordiv__ __format__ __len__ __rdiv__ __reduce_ex__ __repr__ __reversed__ __rfloordiv__
__rlshift__ __rmatmul__ __rmod__ __rpow__ __rrshift__ __rsub__ __setstate__ pow pow_ backward
dim_order is_shared istft lu norm register_hook register_post_accumulate_grad_hook share_memory_
split stft storage unflatten unique unique_consecutive
"""
# Written in Python in torch, which tells overrides of a call in another way (see `dispatch`); of
# torch.nn.functional all are but these.
_PYTHON = {
    "torch": frozenset(_FUNCTIONS.split()),
    "torch.Tensor": frozenset(_METHODS.split()),
}
_COMPILED_WORDS = """
adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d bilinear celu_ channel_shuffle conv1d conv2d
conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity elu_ gelu
hardshrink hardtanh_ leaky_relu_ linear logsigmoid native_channel_shuffle one_hot
pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu relu_ rrelu_
scaled_dot_product_attention selu_ softplus softshrink threshold_
"""
_COMPILED = frozenset(_COMPILED_WORDS.split())
_OPERATORS = {
    "add": "add", "radd": "add", "sub": "sub", "mul": "mul", "rmul": "mul", "truediv": "div",
    "mod": "remainder", "pow": "pow", "matmul": "matmul", "ne": "ne", "lt": "lt", "le": "le",
    "gt": "gt", "ge": "ge", "rand": "bitwise_and", "ror": "bitwise_or", "rxor": "bitwise_xor",
    "iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_", "imod": "remainder_",
    "ifloordiv": "floor_divide_", "ipow": "pow_", "neg": "neg", "pos": "positive", "abs": "abs",
    "rtruediv": "__rdiv__",
}  # fmt: skip
_FUNCTIONAL = "torch.nn.functional"
_PREFIXED = ("torch.fft", "torch.linalg", "torch.special")


def member_name(func: Any) -> str | None:
    """The name under which Tensor has a method, or the getter or setter of a property."""
    owner = getattr(func, "__self__", None)
    if type(owner) is property:
        found = next((n for n, v in vars(Tensor).items() if v is owner), None)
        return f"{found}.{func.__name__}" if found else None
    name = getattr(func, "__name__", "")
    if vars(Tensor).get(name) is func:
        return name
    return next((n for n, v in vars(Tensor).items() if v is func), None)


def operator_method(short: str) -> str:
    """The method that an operator ("radd", say) is, as overrides are told.

    >>> operator_method("truediv"), operator_method("rsub")
    ('div', '__rsub__')
    """
    return _OPERATORS.get(short, f"__{short}__")


def spoken(func: Any) -> str:
    """The qualified name of a public function in torch's messages."""
    space = getattr(func, "__module__", None) or ""
    name = getattr(func, "__name__", str(func))
    if space.startswith("franken"):
        space = "torch" + space[len("franken") :]
    if type(getattr(func, "__self__", None)) is property or (
        space.count(".") > 1 and space != _FUNCTIONAL
    ):
        member = member_name(func)
        if member is not None:
            return f"torch.Tensor.{member}"
    if space == _FUNCTIONAL and name in _COMPILED:
        return f"torch.{name}" if name.startswith("conv") else f"torch.nn.{name}"
    if space == "torch" and name in _PYTHON["torch"]:
        return f"torch.functional.{name}"
    if space in _PREFIXED:
        return f"{space}.{space.rpartition('.')[2]}_{name}"
    return f"{space}.{name}"


def is_python_level(name: str) -> bool:
    """Whether torch's function of this qualified name is written in Python."""
    space, _, short = name.rpartition(".")
    return space in (_FUNCTIONAL, "torch.functional") or short in _PYTHON.get(space, ())
