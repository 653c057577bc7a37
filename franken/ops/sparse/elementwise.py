"""Arithmetic of coordinates: functions that keep zeros, sums, products, quotients, reductions.

Each is the sparse kernel of an op that is declared elsewhere; its derivatives are that op's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import compressed, coo
from franken.backends.numpy.layouts.compressed import Compressed
from franken.backends.numpy.layouts.coo import Coo
from franken.core.layouts.tensor import NAMED
from franken.core.linear import add, reduce_sum
from franken.core.primitive import PRIMITIVES
from franken.ops.elementwise import (
    activation,
    arithmetic,
    complexes,
    powers,
    rounding,
    special_erf,
    transcendental,
)
from franken.ops.reduction import norm

_DECLARING = (activation, complexes, rounding, special_erf, transcendental, norm)

# Functions that are zero at zero: they are applied to what is stored, one element a place.
_KEEP_ZERO = (
    "abs", "angle", "asin", "asinh", "atan", "atanh", "ceil", "conj", "deg2rad", "erf", "erfinv",
    "expm1", "floor", "frac", "isinf", "isnan", "isneginf", "isposinf", "log1p", "nan_to_num",
    "rad2deg", "relu", "round", "sgn", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan",
    "tanh", "trunc", "real", "imag",
)  # fmt: skip


def _on_values(prim: Any) -> Any:
    def kernel(x: Any, **params: Any) -> Any:
        x = coo.coalesce(x) if isinstance(x, Coo) else x
        return x.with_values(prim.cpu(x.values, **params))

    return kernel


def _linear_on_values(prim: Any) -> Any:
    return lambda x, **params: x.with_values(prim.cpu(x.values, **params))


for _name in _KEEP_ZERO:
    PRIMITIVES[_name].kernel(NAMED, _on_values(PRIMITIVES[_name]))
arithmetic.neg.prim.kernel(NAMED, _linear_on_values(arithmetic.neg.prim))


def _between_kernel(g: Any, x: Any, **params: Any) -> Any:
    """A sparse function's gradient where it stores elements."""
    if not isinstance(x, Coo):
        return NotImplemented
    x = coo.coalesce(x)
    return x.with_values(_BETWEEN.cpu(coo.pick(g, x), x.values, **params))


_BETWEEN = activation.pass_between
_BETWEEN.kernel(NAMED, _between_kernel)


# --- two operands --------------------------------------------------------------------------------


def _add_kernel(x: Any, y: Any) -> Any:
    if isinstance(x, Coo) and isinstance(y, Coo):
        if x.dtype.kind == "b":
            raise NotImplementedError("\"cadd_sparse\" not implemented for 'Bool'")
        return coo.add(x, y)
    if isinstance(x, Compressed) and isinstance(y, Compressed):
        return _add_compressed(x, y)
    return add.cpu(compressed.strided(x), compressed.strided(y))


def _add_compressed(x: Compressed, y: Compressed) -> Any:
    if x.batch or x.blocksize or y.blocksize:
        total = add.cpu(compressed.to_dense(x), compressed.to_dense(y))
        return compressed.converted(total, x.layout, x.blocksize, x.dense_dim)
    return compressed.from_coo(coo.add(compressed.to_coo(x), compressed.to_coo(y)), x.layout)


def _sub_kernel(x: Any, y: Any) -> Any:
    if isinstance(x, Compressed) or isinstance(y, Compressed):
        return NotImplemented
    return _add_kernel(x, y.with_values(arithmetic.neg.prim.cpu(y.values)))


def _is_number(y: Any) -> bool:
    return not isinstance(y, coo.Sparse) and getattr(y, "ndim", 0) == 0


def _mul_kernel(x: Any, y: Any) -> Any:
    if not isinstance(x, coo.Sparse):
        x, y = y, x
    if isinstance(x, Compressed):
        return _mul_compressed(x, y)
    kernel = arithmetic.mul.prim.cpu
    if _is_number(y):
        return x.with_values(kernel(x.values, y))
    if isinstance(y, Coo):
        if x.dtype.kind == "b":
            raise NotImplementedError("\"mul_out_sparse\" not implemented for 'Bool'")
        return coo.multiply(x, y, kernel)
    full = np.broadcast_shapes(x.shape, y.shape)
    if full != x.shape:
        x = coo.from_dense(np.broadcast_to(coo.to_dense(x), full), len(full))
    return x.with_values(kernel(x.values, coo.pick(np.broadcast_to(y, full), x)))


def _mul_compressed(x: Compressed, y: Any) -> Any:
    kernel = arithmetic.mul.prim.cpu
    if _is_number(y):
        return x.with_values(kernel(x.values, y))
    if x.layout != "sparse_csr":
        raise RuntimeError("Expected result Tensor to be of format CSR")
    if isinstance(y, Compressed):
        return compressed.from_coo(
            coo.multiply(compressed.to_coo(x), compressed.to_coo(y), kernel), x.layout
        )
    y = np.broadcast_to(compressed.strided(y), x.shape)
    return x.with_values(kernel(x.values, compressed.values_at(y, x)))


def _divide_kernel(prim: Any) -> Any:
    def kernel(x: Any, y: Any) -> Any:
        if isinstance(x, Compressed):
            return NotImplemented
        if not _is_number(y):
            raise RuntimeError(
                "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
                f"{list(y.shape)} for divisor)"
            )
        return x.with_values(prim.cpu(x.values, y))

    return kernel


def _pow_kernel(x: Any, y: Any) -> Any:
    if isinstance(y, coo.Sparse) or not isinstance(x, Coo):
        return NotImplemented
    if y == 0:
        raise RuntimeError("pow: cannot raise to zeroth power on sparse tensor; it is dense")
    x = coo.coalesce(x)
    return x.with_values(PRIMITIVES["pow"].cpu(x.values, y))


add.kernel(NAMED, _add_kernel)
arithmetic.sub.prim.kernel(NAMED, _sub_kernel)
arithmetic.mul.prim.kernel(NAMED, _mul_kernel)
PRIMITIVES["pow"].kernel(NAMED, _pow_kernel)
for _fn in (arithmetic.true_divide, arithmetic.div_floor, arithmetic.div_trunc,
            arithmetic.floor_divide):  # fmt: skip
    _fn.prim.kernel(NAMED, _divide_kernel(_fn.prim))
_POWERS = powers


# --- reductions ----------------------------------------------------------------------------------


def sum_over(x: Coo, axes: tuple[int, ...], keepdim: bool) -> Any:
    """The sum over some axes: strided if they are all that are coordinates, else sparse."""
    sparse = x.sparse_dim
    dense_axes = tuple([a - sparse + 1 for a in axes if a >= sparse])
    kept = [a for a in range(sparse) if a not in axes]
    if not kept:
        out = reduce_sum.cpu(x.values, axes=(0, *dense_axes), keepdim=False)
        shape = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
        return np.asarray(out).reshape(shape) if keepdim else out
    values = x.values
    if dense_axes:
        values = reduce_sum.cpu(values, axes=dense_axes, keepdim=keepdim)
    indices = x.indices[kept]
    if keepdim:
        shape = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
        indices = x.indices.copy()
        indices[[a for a in range(sparse) if a in axes]] = 0
    else:
        shape = tuple([n for i, n in enumerate(x.shape) if i not in axes])
    whole = len(kept) == sparse
    made = Coo(indices, values, shape, x.coalesced and whole)
    return made if whole else coo.coalesce(made)


def _sum_kernel(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
    if isinstance(x, Coo):
        return sum_over(coo.coalesce(x), axes, keepdim)
    if len(axes) == x.ndim and not keepdim:
        return reduce_sum.cpu(x.values, axes=tuple(range(x.values.ndim)), keepdim=False)
    if x.layout != "sparse_csr":
        raise RuntimeError(
            "Currently the only compressed sparse format supported for sum.dim_IntList is CSR, but "
            f"got layout Sparse{x.layout[7:].capitalize()}"
        )
    if not keepdim:
        raise RuntimeError("reduction operations on CSR tensors with keepdim=False is unsupported")
    return compressed.from_coo(sum_over(compressed.to_coo(x), axes, True), x.layout)


reduce_sum.kernel(NAMED, _sum_kernel)


def _over_all(prim: Any) -> Any:
    """A reduction of everything that zeros make no difference to."""

    def kernel(x: Any, *, axes: Any, **params: Any) -> Any:
        if len(axes) != x.ndim or not isinstance(x, Coo):
            return NotImplemented
        values = coo.coalesce(x).values
        return prim.cpu(values, axes=tuple(range(values.ndim)), **params)

    return kernel


for _name in ("vector_norm", "any"):
    PRIMITIVES[_name].kernel(NAMED, _over_all(PRIMITIVES[_name]))
