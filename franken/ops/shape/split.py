"""Splitting one tensor into several views: unbind, split, chunk, tensor_split and relatives.

unbind, split and split_with_sizes make all their views at once, and such views may not be changed
in place while gradients are recorded; tensor_split makes plain slices, as torch does.
"""

from __future__ import annotations

from typing import Any

from franken.core.batching import view_rule
from franken.core.geometry import shapes
from franken.core.op import op
from franken.core.primitive import Primitive, unlink
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.shape.join import cat_, stack
from franken.ops.shape.movement import linear, slice_

# --- primitives -----------------------------------------------------------------------------------


def _unbind_kernel(x: Any, *, dim: int) -> Any:
    lead = (slice(None),) * dim
    return tuple([x[(*lead, i, ...)] for i in range(x.shape[dim])])


def _shift_dim(p: Any, s: Any) -> Any:
    return {**p, "dim": p["dim"] + 1}


unbind_ = linear(Primitive(
    "unbind", ("x",), _unbind_kernel, outputs=0, view=True, batch=view_rule(_shift_dim),
))  # fmt: skip


@unbind_.vjp("x")
def _(g: Any, dim: int) -> Any:
    like = next(c for c in g if c is not None)
    return stack([like.new_zeros(tuple(like.shape)) if c is None else c for c in g], dim)


def _split_kernel(x: Any, *, sections: tuple[int, ...], dim: int) -> Any:
    lead = (slice(None),) * dim
    out, start = [], 0
    for n in sections:
        out.append(x[(*lead, slice(start, start + n))])
        start += n
    return tuple(out)


def _splitter(name: str) -> Primitive:
    prim = linear(Primitive(
        name, ("x",), _split_kernel, outputs=0, view=True, batch=view_rule(_shift_dim),
    ))  # fmt: skip
    prim.vjp("x")(_join)
    return prim


def _join(g: Any, sections: tuple[int, ...], dim: int) -> Any:
    """The parts' cotangents one after another, with zeros for parts without one."""
    like = next(c for c in g if c is not None)
    shape = tuple(like.shape)
    return cat_(
        *[
            like.new_zeros((*shape[:dim], n, *shape[dim + 1 :])) if c is None else c
            for c, n in zip(g, sections, strict=True)
        ],
        dim=dim,
    )


# Two of them, for the names that in-place errors and graphs show.
split_, split_with_sizes_ = _splitter("split"), _splitter("split_with_sizes")


# --- public ops -----------------------------------------------------------------------------------


@op(samples=lambda t: [S(t(3, 4)), S(t(2, 3, 2), -2), S(t(2, 0))])
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """A tuple of views of all the entries along a dimension."""
    if input.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = shapes.wrap_dim(dim, input.ndim)
    return unbind_(input, dim=d) if input.shape[d] else ()


@op(samples=lambda t: [S(t(5, 4), 2), S(t(3, 4), [1, 3], -1), S(t(2, 0), 1)])
def split(input: Tensor, split_size_or_sections: Any = None, dim: int = 0,
          **spelled: Any) -> tuple[Tensor, ...]:  # fmt: skip
    """A tuple of views of `split_size` entries each (the last may be smaller) or of given sizes."""
    size = split_size_or_sections
    if size is None:
        size = spelled.pop("split_size", None)
    if isinstance(size, (tuple, list)):
        return split_with_sizes(input, size, dim)
    return split_(input, sections=even_sections(input, int(size), dim), dim=_axis(input, dim))


def _axis(input: Tensor, dim: int) -> int:
    return shapes.wrap_dim(dim, input.ndim)


def even_sections(input: Tensor, size: int, dim: int) -> tuple[int, ...]:
    """Lengths of the parts of at most `size` entries."""
    if input.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    n = input.shape[_axis(input, dim)]
    if size == 0:
        if n:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
            )
        return (0,)
    count = max((n + size - 1) // size, 1)
    return (size,) * (count - 1) + (n - size * (count - 1),)


@op(samples=lambda t: [S(t(5, 4), [2, 0, 3]), S(t(3, 4), [1, 3], -1)])
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """A tuple of views of the given lengths, which must add up to the dimension."""
    lengths = _exact_sections(input, split_sizes, dim)
    return split_with_sizes_(input, sections=lengths, dim=_axis(input, dim)) if lengths else ()


def _exact_sections(input: Tensor, split_sizes: Any, dim: int) -> tuple[int, ...]:
    if input.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = input.shape[_axis(input, dim)]
    lengths = tuple(int(k) for k in split_sizes)
    if any(k < 0 for k in lengths):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(lengths)}"
        )
    if sum(lengths) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
            f"dimension {dim}), but got split_sizes={list(lengths)}"
        )
    return lengths


@op(samples=lambda t: [S(t(5, 4), 3), S(t(3, 4), 2, -1), S(t(2, 0), 2)])
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """A tuple of at most `chunks` views of equal length (the last may be smaller)."""
    return split_(input, sections=_chunk_sections(input, chunks, dim), dim=_axis(input, dim))


def _chunk_sections(input: Tensor, chunks: int, dim: int) -> tuple[int, ...]:
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[_axis(input, dim)]
    size = (n + chunks - 1) // chunks
    return (0,) * chunks if size == 0 else even_sections(input, size, dim)


def _slices(input: Tensor, sections: Any, dim: int) -> tuple[Tensor, ...]:
    out, start = [], 0
    for n in sections:
        out.append(slice_(input, dim=dim, start=start, stop=start + n, step=1))
        start += n
    return tuple(out)


def _apart(input: Tensor, sections: Any, dim: int) -> tuple[Tensor, ...]:
    return tuple(map(unlink, _slices(input, sections, _axis(input, dim))))


@op(
    samples=lambda t: [S(t(5, 4), 2), S(t(3, 4), 3, -1), S(t(2, 0), 1)],
    title="UnsafeSplitBackward0",
)
def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `split`, with parts that may be changed in place."""
    return _apart(input, even_sections(input, int(split_size), dim), dim)


@op(
    samples=lambda t: [S(t(5, 4), [2, 0, 3]), S(t(3, 4), [1, 3], -1)],
    title="UnsafeSplitWithSizesBackward0",
)
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `split_with_sizes`, with parts that may be changed in place."""
    return _apart(input, _exact_sections(input, split_sizes, dim), dim)


@op(
    samples=lambda t: [S(t(5, 4), 3), S(t(3, 4), 2, -1), S(t(2, 0), 2)],
    title="UnsafeSplitBackward0",
)
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `chunk`, with parts that may be changed in place."""
    return _apart(input, _chunk_sections(input, chunks, dim), dim)


_SPLITS = ("indices", "sections", "tensor_indices_or_sections")  # one for each overload


@op(
    also=dict.fromkeys(_SPLITS, "indices_or_sections"),
    samples=lambda t: [
        S(t(5, 4), 3),
        S(t(3, 4), (1, 3), -1),
        S(t(5), t.of([2, 3])),
        S(t(2, 0), 2),
    ],
)
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """A tuple of views: so many nearly equal parts, or parts that end at the given places."""
    where = indices_or_sections
    if input.ndim == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    d = _axis(input, dim)
    if isinstance(where, Tensor):
        where = _places(where)
    if isinstance(where, int):
        return _slices(input, _nearly_equal(input.shape[d], where), d)
    if isinstance(where, str) or not hasattr(where, "__iter__"):
        raise TypeError(
            "tensor_split() received an invalid combination of arguments - got (Tensor, "
            f"{type(where).__name__}), but expected ints or a tensor"
        )
    return _cut(input, [int(i) for i in where], d)


def _places(where: Tensor) -> Any:
    if where.dtype.name != "int64":
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
            f"{where.dtype.scalar_name}"
        )
    if where.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
            f"one-dimensional tensor, but got a tensor with {where.ndim} dims"
        )
    return where.tolist()  # type: ignore[attr-defined]


def _nearly_equal(n: int, sections: int) -> tuple[int, ...]:
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    size, longer = divmod(n, sections)
    return (size + 1,) * longer + (size,) * (sections - longer)


def _cut(input: Tensor, places: list[int], d: int) -> tuple[Tensor, ...]:
    n, out, start = input.shape[d], [], 0
    for end in [*places, n]:
        first, count = shapes.slice_bounds(start, end, 1, n)
        out.append(slice_(input, dim=d, start=first, stop=first + count, step=1))
        start = end
    return tuple(out)


def _named_split(name: str, least: int, axis: Any) -> Any:
    def split_along(
        input: Tensor, indices_or_sections: Any = None, **spelled: Any
    ) -> tuple[Tensor, ...]:
        where = indices_or_sections
        if where is None:
            where = spelled.pop("indices", spelled.pop("sections", None))
        if input.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
                f"with {input.ndim} dimensions!"
            )
        d = axis(input.ndim)
        if isinstance(where, int) and (where == 0 or input.shape[d] % where):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the "
                f"dimension {input.shape[d]} is not divisible by the split_size {where}!"
            )
        return tensor_split(input, where, d)

    split_along.__name__ = name
    split_along.__doc__ = f"tensor_split along the dimension that `{name[0]}stack` joins along."
    return op(samples=lambda t: [S(t(4, 4, 4), 2), S(t(2, 4, 4), (1,))])(split_along)


hsplit = _named_split("hsplit", 1, lambda ndim: 0 if ndim == 1 else 1)
vsplit = _named_split("vsplit", 2, lambda ndim: 0)
dsplit = _named_split("dsplit", 3, lambda ndim: 2)
