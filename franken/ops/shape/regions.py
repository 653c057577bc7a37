"""Regions of a copy replaced: the primitive of the `_scatter` ops.

The copy is of all the storage, gaps included, so that its strides and offset are the input's.
"""

from __future__ import annotations

from typing import Any

from franken.core.geometry.arrange import placed
from franken.core.geometry.memory import copied_storage, element_strides, first_place
from franken.core.geometry.strides import preserved_strides
from franken.core.linear import view_scatter
from franken.core.node import step
from franken.core.primitive import Primitive


def _replaced_kernel(x: Any, src: Any, *, prim: Primitive, params: dict[str, Any]) -> Any:
    out = copied_storage(x)
    if out is None:
        out = placed(x.copy(order="K"), preserved_strides(x.shape, element_strides(x)))
    if prim.writer is not None and not _lies_as(out, params):
        return prim.writer(x, src, params)
    prim.cpu(out, **params)[...] = src
    return out


def _lies_as(a: Any, params: dict[str, Any]) -> bool:
    return (element_strides(a), first_place(a)) == (params["base_stride"], params["base_place"])


# The input with the region that the view `prim` shows of it replaced by `src`.
replaced_ = Primitive("replaced", ("x", "src"), _replaced_kernel, layout=None, meta="laid_as")


@replaced_.vjp("x")
def _(g: Any, prim: Any, params: Any) -> Any:
    if prim.writer is None:
        return replaced_(g, 0, prim=prim, params=params)
    # Torch's gradient of `as_strided_scatter`: that of the very elements which are replaced.
    return replaced_(
        g.new_zeros(tuple(g.shape)), step(g, (prim, params, -1)), prim=prim, params=params
    )


@replaced_.vjp("src")
def _(g: Any, prim: Any, params: Any) -> Any:
    return step(g, (prim, params, -1))


@replaced_.jvp
def _(tangents: Any, out: Any, x: Any, src: Any, *, prim: Any, params: Any) -> Any:
    of_x, of_src = tangents
    of_x = out.new_zeros(tuple(out.shape)) if of_x is None else of_x
    return replaced_(of_x, 0 if of_src is None else of_src, prim=prim, params=params)


@replaced_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return view_scatter.batch(view_scatter, values, dims, {**params, "index": -1})
