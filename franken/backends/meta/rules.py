"""What ops say of their results on the meta device: rules of shapes, dtypes and parameters.

A rule is what a primitive gets as `meta=`, by its name here or as a function. It is called as the
CPU kernel is, with arrays that have a geometry and no elements, and gives such arrays: one, or a
list of several. It may give a shape alone (that of each result); then the dtypes are asked of the
CPU kernel, on one element of each input. The layout of results is arranged as any kernel's.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from franken.backends.meta.memory import followed, reserved

INT64 = np.dtype(np.int64)
Shape = tuple[int, ...]

# --- by the inputs -------------------------------------------------------------------------------


def same(x: Any, *more: Any, **params: Any) -> Any:
    """As the first input."""
    return reserved(x.shape, x.dtype)


def same_and_places(x: Any, **params: Any) -> Any:
    """As the first input, and as many places in it."""
    return [reserved(x.shape, x.dtype), reserved(x.shape, INT64)]


def places(x: Any, **params: Any) -> Any:
    """A place for each element."""
    return reserved(x.shape, INT64)


def laid_as(x: Any, *more: Any, **params: Any) -> Any:
    """As the first input, dense and in its order in memory."""
    return followed(x, x.dtype)


def each(*inputs: Any, **params: Any) -> Any:
    """A result for every input, as it is: the cotangents of a function."""
    return [reserved(a.shape, a.dtype) for a in inputs]


def spread(*inputs: Any, **params: Any) -> Shape:
    """As large as all inputs together."""
    arrays = [a for a in inputs if isinstance(a, np.ndarray)]
    return np.broadcast_shapes(*[a.shape for a in arrays])


def at(x: Any, index: Any, **params: Any) -> Any:
    """An element for each index."""
    return reserved(index.shape, x.dtype)


def rows_at(x: Any, index: Any, **params: Any) -> Any:
    """A row for each index."""
    return reserved((*index.shape, *x.shape[1:]), x.dtype)


def product(x: Any, y: Any, **params: Any) -> Any:
    """`x @ y`: vectors, matrices and batches of them."""
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    columns = y.shape[-1:] if y.ndim > 1 else ()
    return reserved((*batch, *x.shape[-2:-1], *columns), x.dtype)


def transposed(x: Any, w: Any, *more: Any, **params: Any) -> Any:
    """`x @ w.T`: a row of outputs for each row of x."""
    return reserved((*x.shape[:-1], *w.shape[:-1]), x.dtype)


def pairs(x: Any, y: Any, **params: Any) -> Any:
    """Each row of `x` with each row of `y`."""
    return product(x, y.swapaxes(-1, -2))


def joined(*arrays: Any, dim: int) -> Any:
    """Arrays one after the other along an axis."""
    parts = [a for a in arrays if a.shape != (0,)] or arrays[:1]
    total = sum([a.shape[dim] for a in parts])
    shape = (*parts[0].shape[:dim], total, *parts[0].shape[dim + 1 :])
    return reserved(shape, arrays[0].dtype)


def stacked(*arrays: Any, dim: int) -> Any:
    """Arrays of one shape along a new axis."""
    shape = arrays[0].shape
    return reserved((*shape[:dim], len(arrays), *shape[dim:]), arrays[0].dtype)


def indexed(x: Any, *indices: Any, pattern: Shape) -> Any:
    """What index arrays at the ones of a pattern pick: their axes in one block."""
    block = np.broadcast_shapes(*[i.shape for i in indices])
    taken = [d for d, one in enumerate(pattern) if one]
    start = taken[0] if taken[-1] - taken[0] + 1 == len(taken) else 0
    rest = [n for d, n in enumerate(x.shape) if d not in taken]
    return reserved((*rest[:start], *block, *rest[start:]), x.dtype)


# Index tensors and factors on the CPU are taken as if they lay on meta, as torch takes them.
MIXED = frozenset((at, rows_at, product, indexed))

# --- by parameters -------------------------------------------------------------------------------


def replaced(x: Any, axis: int, size: int) -> Shape:
    """One axis of another size."""
    return (*x.shape[:axis], size, *x.shape[axis + 1 :])


def reduced(x: Any, **params: Any) -> Shape:
    """Without the axes that `axes` or `dim` name (all, if None), or with these of size one."""
    gone = params["axes"] if "axes" in params else params["dim"]
    keepdim = params.get("keepdim", False)
    gone = range(x.ndim) if gone is None else (gone,) if isinstance(gone, int) else gone
    sizes = enumerate(x.shape)
    return tuple([1 if d in gone else n for d, n in sizes if keepdim or d not in gone])


def reduced_and_places(x: Any, **params: Any) -> Any:
    """`reduced`, and the place of each."""
    shape = reduced(x, **params)
    return [reserved(shape, x.dtype), reserved(shape, INT64)]


def reduced_places(x: Any, **params: Any) -> Any:
    """The place of each of `reduced`."""
    return reserved(reduced(x, **params), INT64)


def scalar(*inputs: Any, **params: Any) -> Any:
    """One element."""
    return reserved((), inputs[0].dtype)


def of_shape(x: Any, *more: Any, shape: Shape, **params: Any) -> Any:
    """Of the shape that a parameter says."""
    return reserved(shape, x.dtype)


def planes(x: Any, *more: Any, size: Shape, **params: Any) -> Any:
    """Each channel's plane of another size."""
    return reserved((*x.shape[:2], *size), x.dtype)


def planes_and_places(x: Any, *more: Any, size: Shape, **params: Any) -> Any:
    """`planes`, and the place of each element."""
    shape = (*x.shape[:2], *size)
    return [reserved(shape, x.dtype), reserved(shape, INT64)]


def padded(x: Any, *, widths: Any, **params: Any) -> Any:
    """Wider at both ends of each axis."""
    pairs = zip(x.shape, widths, strict=True)
    return reserved(tuple([n + a + b for n, (a, b) in pairs]), x.dtype)


def unpadded(x: Any, *, widths: Any, **params: Any) -> Any:
    """What `padded` started from."""
    return padded(x, widths=[(-a, -b) for a, b in widths])


def made(*, shape: Shape, to: Any, **params: Any) -> Any:
    """What is made from nothing."""
    return reserved(shape, to.np)


# --- matrices ------------------------------------------------------------------------------------


def with_info(x: Any, **params: Any) -> Any:
    """As the first input, and a note for each of its matrices."""
    return [reserved(x.shape, x.dtype), reserved(x.shape[:-2], np.dtype(np.int32))]


def real(dtype: Any) -> Any:
    """The dtype of a number's parts."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def eigen(x: Any, **params: Any) -> Any:
    """Real values and vectors of Hermitian matrices."""
    return [reserved(x.shape[:-1], real(x.dtype)), reserved(x.shape, x.dtype)]


def singular_values(x: Any, **params: Any) -> Any:
    """A real value for each row or column, whichever are fewer."""
    return reserved((*x.shape[:-2], min(x.shape[-2:])), real(x.dtype))


def singular(x: Any, *, full: bool, **params: Any) -> Any:
    """The factors of a singular value decomposition."""
    *batch, m, n = x.shape
    k = min(m, n)
    left = reserved((*batch, m, m if full else k), x.dtype)
    return [left, singular_values(x), reserved((*batch, n if full else k, n), x.dtype)]


def orthogonal(x: Any, *, mode: str, **params: Any) -> Any:
    """The factors of a QR decomposition; the first is empty if only the second is asked for."""
    *batch, m, n = x.shape
    k = m if mode == "complete" else min(m, n)
    q = (0,) if mode == "r" else (*batch, m, k)
    return [reserved(q, x.dtype), reserved((*batch, k, n), x.dtype)]


# --- refusals ------------------------------------------------------------------------------------


def refuse(name: str) -> NoReturn:
    """Raise what torch says of an op that does not exist on the meta device."""
    raise NotImplementedError(
        f"aten::{name}: attempted to run this operator with Meta tensors, but there was no fake "
        "impl or Meta kernel registered. You may have run into this message while using an "
        "operator with PT2 compilation APIs (torch.compile/torch.export); in order to use this "
        "operator with those APIs you'll need to add a fake impl. Please see the following for "
        "next steps:  https://pytorch.org/tutorials/advanced/custom_ops_landing_page.html"
    )


def by_value(name: str) -> Any:
    """The rule of an op whose results' shapes depend on values: it raises."""
    return lambda *inputs, **params: refuse(name)


def refuse_nonzero(*inputs: Any, **params: Any) -> NoReturn:
    """Raise what torch says where the number of results is the number of non-zero elements."""
    raise NotImplementedError(
        "The register_meta function for torch.nonzero() raises unimplemented by default, as a "
        "correct data-independent implementation does not exist. This implementation returns a "
        "fake value, assuming all elements of the tensor are non-zero. To enable this "
        "registration, please set 'torch.fx.experimental._config.meta_nonzero_assume_all_nonzero' "
        "to True."
    )
