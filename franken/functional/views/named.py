"""Views by other names: view, flatten, unflatten, transposes, atleast_nd, broadcasting.

Composites of the view primitives; knows no kernel.
"""

from __future__ import annotations

import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.geometry import shapes
from franken.core.geometry.shapes import broadcast_shapes as _broadcast_shapes
from franken.core.geometry.size import Size
from franken.core.once import warn_once
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, unary
from franken.ops.shape.join import tensor_list
from franken.ops.shape.movement import bind_view, permute_, reshape_, shape_of, sizes, wanted
from franken.ops.shape.strided import legal_view, view_as_dtype

# --- shape ----------------------------------------------------------------------------------------


@op(
    at="",
    method=True,
    samples=lambda t: [
        S(t(3, 4), 2, 6),
        S(t(2, 3, 4), (-1, 4)),
        S(t(), (1, 1)),
        S(t(2, 0), (0, 5)),
    ],
)
def view(input: Tensor, *size: Any, **spelled: Any) -> Tensor:
    """The same memory in another shape or as another dtype; never a copy."""
    to = size[0] if len(size) == 1 else spelled.pop("dtype", None)
    if isinstance(to, dt.dtype):
        return view_as_dtype(input, to)
    want = wanted(sizes(size, spelled), shape_of(input))
    legal_view(input, want)
    return bind_view(reshape_, input, {"shape": want})


@op(at="", method=True, samples=lambda t: [S(t(3, 4), t(2, 6)), S(t(), t(1, 1))])
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`view` with the shape of another tensor."""
    return view(input, tuple(_tensor("view_as", other).shape))


def _tensor(name: str, other: Any) -> Any:
    if not isinstance(other, Tensor):
        raise TypeError(
            f"{name}(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}"
        )
    return other


@op(at="", method=True, samples=lambda t: [S(t(3, 4), t(2, 6)), S(t(), t(1, 1))])
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` with the shape of another tensor."""
    return input.reshape(tuple(_tensor("reshape_as", other).shape))  # type: ignore[attr-defined]


@op(at="", method=True, samples=lambda t: [S(t(3, 1), t(3, 4)), S(t(), t(2, 3))])
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of another tensor."""
    return input.expand(tuple(_tensor("expand_as", other).shape))  # type: ignore[attr-defined]


@op(samples=unary)
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view where possible."""
    return input.contiguous().view(-1)  # type: ignore[attr-defined]


@op(samples=lambda t: [S(t(2, 3, 4)), S(t(2, 3, 4), 1), S(t(2, 3, 4), -3, -2), S(t()), S(t(2, 0))])
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join a range of dimensions into one; a view where possible."""
    n = input.ndim
    first, last = shapes.wrap_dim(start_dim, n), shapes.wrap_dim(end_dim, n)
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if n == 0:
        return input.reshape(1)  # type: ignore[attr-defined]
    if first == last:
        return input
    shape = shape_of(input)
    joined = 1
    for m in shape[first : last + 1]:
        joined *= m
    want = (*shape[:first], joined, *shape[last + 1 :])
    return bind_view(reshape_, input, {"shape": want})


@op(samples=lambda t: [S(t(3, 4), 1, (2, 2)), S(t(6), -1, (2, -1)), S(t(2, 0), 0, (1, 2))])
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Split one dimension into several; one of the sizes may be -1."""
    d = shapes.wrap_dim(dim, input.ndim)
    parts = tuple(int(n) for n in sizes)
    if not parts:
        raise RuntimeError("unflatten: sizes must be non-empty")
    n = input.shape[d]
    if parts.count(-1) > 1:
        raise RuntimeError("unflatten got an unexpected error:\nonly one dimension can be inferred")
    try:
        full = shapes.infer_size(parts, n)
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {d} "
            f"({n}) in the input tensor"
        ) from None
    shape = tuple(input.shape)
    return view(input, (*shape[:d], *full, *shape[d + 1 :]))


# --- transposes -----------------------------------------------------------------------------------


@op(samples=lambda t: [S(t(2, 3, 4), 0, 2), S(t(2, 3, 4), -1, 1), S(t(), 0, -1), S(t(2, 0), 0, 1)])
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose` by its NumPy name."""
    return input.transpose(axis0, axis1)  # type: ignore[attr-defined]


@op(samples=lambda t: [S(t(2, 3, 4), 0, 2), S(t(2, 3, 4), -1, 1), S(t(), 0, -1), S(t(2, 0), 0, 1)])
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose` by another name."""
    return input.transpose(dim0, dim1)  # type: ignore[attr-defined]


@op(samples=lambda t: [S(t(3, 4)), S(t(3)), S(t()), S(t(2, 0))])
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; tensors of up to 1-d unchanged."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return bind_view(permute_, input, {"dims": tuple(range(input.ndim))[::-1]}, "TBackward0")


@op(samples=lambda t: [S(t(3, 4)), S(t(2, 3, 4)), S(t(2, 0))])
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    return _matrix_transpose(input, "tensor.adjoint()", True)


_NOT_MATRICES = "{} is only supported on matrices or batches of matrices. Got {}-D tensor."


def _matrix_transpose(x: Any, name: str, conjugate: bool) -> Any:
    if x.ndim == 1:
        raise RuntimeError(_NOT_MATRICES.format(name, 1))
    if x.ndim == 0:
        _warn_0d(name)
        return x.conj() if conjugate else x
    out = x.transpose(-2, -1)
    return out.conj() if conjugate and x.dtype.is_complex else out


def _warn_0d(name: str) -> None:
    warnings.warn(
        f"{name} is deprecated on 0-D tensors. This function is the identity in these cases.",
        stacklevel=4,
    )


def _mt(self: Tensor) -> Tensor:
    """The transpose of the last two dimensions."""
    return _matrix_transpose(self, "tensor.mT", False)


def _mh(self: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    return _matrix_transpose(self, "tensor.mH", True)


def _h(self: Any) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if self.ndim > 2 else "")
        )
    if self.ndim == 0:
        _warn_0d("tensor.H")
        return self.conj()
    return _mh(self)


def _reverse(self: Tensor) -> Tensor:
    """A view with the dimensions in reverse order."""
    if self.ndim not in (0, 2):
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
            stacklevel=2,
        )
    return permute_(self, dims=tuple(range(self.ndim))[::-1])


for _name, _get in (("mT", _mt), ("mH", _mh), ("H", _h), ("T", _reverse)):
    setattr(Tensor, _name, property(_get))

# --- ranks and broadcasting -----------------------------------------------------------------------


def _several(name: str, each: Any) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            return tuple([each(x) for x in tensor_list(tensors[0], name)])
        for x in tensors:
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"{name}() received an invalid combination of arguments - got "
                    f"({type(x).__name__}), but expected tensors"
                )
        return each(tensors[0]) if len(tensors) == 1 else tuple([each(x) for x in tensors])

    function.__name__ = name
    function.__doc__ = each.__doc__
    return op(method=False, samples=lambda t: [S(t(3)), S(t(), t(2, 3)), S([t(2)]), S(t(0))])(
        function
    )


def _at_least_1d(x: Any) -> Any:
    """The tensor with at least one dimension; several tensors give a tuple."""
    return x if x.ndim else x.reshape(1)


def _at_least_2d(x: Any) -> Any:
    """The tensor with at least two dimensions, new ones in front; several give a tuple."""
    if x.ndim == 1:
        return x.unsqueeze(0)
    return x if x.ndim else x.reshape(1, 1)


def _at_least_3d(x: Any) -> Any:
    """The tensor with at least three dimensions; vectors become (1, n, 1), matrices (m, n, 1)."""
    if x.ndim > 2:
        return x
    if x.ndim == 2:
        return x.unsqueeze(-1)
    return x.unsqueeze(0).unsqueeze(-1) if x.ndim else x.reshape(1, 1, 1)


atleast_1d = _several("atleast_1d", _at_least_1d)
atleast_2d = _several("atleast_2d", _at_least_2d)
atleast_3d = _several("atleast_3d", _at_least_3d)


@op(samples=lambda t: [S(t(3, 1), (3, 4)), S(t(3), (2, 3)), S(t(), (2, 0))])
def broadcast_to(input: Tensor, *size: Any, **spelled: Any) -> Tensor:
    """`expand` by its NumPy name."""
    return input.expand(sizes(size, spelled))  # type: ignore[attr-defined]


@op(method=False, samples=lambda t: [S((3, 1), (4,)), S((2, 0), (1,)), S(())])
def broadcast_shapes(*shapes: Any) -> Size:
    """The common shape that tensors of these shapes broadcast to."""
    return Size(_broadcast_shapes(*shapes))


@op(method=False, samples=lambda t: [S(t(3, 1), t(4)), S(t(), t(2, 0)), S(t(2))])
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of all the tensors in their common shape."""
    rows = tensor_list(tensors, "broadcast_tensors")
    shape = shapes.broadcast_operands(tuple(r.shape) for r in rows)
    return tuple([r if tuple(r.shape) == shape else r.expand(shape) for r in rows])  # type: ignore[attr-defined]


@op(
    method=False,
    samples=lambda t: [S(t(3), t(2), indexing="ij"), S(t(3), t(2), t(), indexing="xy")],
)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates from vectors: "ij" puts the first vector along rows, "xy" swaps."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    rows: list[Any] = tensor_list(tensors, "meshgrid")
    if not rows:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for r in rows:
        if r.ndim > 1:
            listed = "".join(f" {n} " for n in r.shape)
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {listed}"
            )
        if r.dtype is not rows[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        if r.device is not rows[0].device:
            raise RuntimeError("meshgrid expects all tensors to have the same device")
    if indexing is None:
        warn_once(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument."
        )
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    swap = indexing == "xy" and len(rows) > 1
    if swap:
        rows[:2] = rows[1::-1]
    shape = tuple(r.shape.numel() for r in rows)
    grids = []
    for i, r in enumerate(rows):
        place = [1] * len(rows)
        place[i] = shape[i]
        grids.append(r.reshape(place).expand(shape))
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@op(
    samples=lambda t: [S(t(3, 4), (2, 1)), S(t(3), (2, 2)), S(t(2, 3), (2,)), S(t(), (2,))],
    title="RepeatBackward0",
)
def tile(input: Tensor, *dims: Any, **spelled: Any) -> Tensor:
    """Copies of the tensor side by side, `dims` times along each dimension."""
    times = sizes(dims, spelled, "dims")
    times = (1,) * (input.ndim - len(times)) + times
    return input.repeat(times)  # type: ignore[attr-defined]
