"""Questions whose answer is the same for every tensor here: all are strided and of one process."""

from __future__ import annotations

from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, filled_at_random, read, unary


@op(
    method=True,
    samples=lambda t: [S(t.const(2, 3), t.const(2, 3)), S(t.const(2, 3), t.const(3, 2))],
)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(input.shape) == tuple(other.shape)


@op(samples=read)
def is_distributed(input: Tensor) -> bool:
    """Whether the tensor is spread over processes; none is."""
    return False


@op(at="", method=True, samples=read)
def dense_dim(input: Tensor) -> int:
    """The number of dimensions that are stored densely: all of a strided tensor."""
    return input.ndim - sparse_dim(input)


@op(at="", method=True, samples=read)
def sparse_dim(input: Tensor) -> int:
    """The number of dimensions that are stored sparsely: none of a strided tensor."""
    return input._a.sparse_dim if input.foreign and not input.level else 0


# The methods are set by autograd, which is imported before; torch has these as functions too.
op(method=False, samples=unary)(Tensor.detach)  # type: ignore[attr-defined]
op(method=False, samples=filled_at_random)(Tensor.detach_)  # type: ignore[attr-defined]
