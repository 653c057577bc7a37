"""scatter, scatter_add, scatter_reduce: writing and accumulating at integer places.

Accumulation runs in the order of the elements, so its bits are a function of the arguments.
"""

from __future__ import annotations

from typing import Any

from franken.backends.numpy import places, segment
from franken.core import dtypes as dt
from franken.core.batching import all_batched
from franken.core.calls.out import SAME
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.pointwise import pointwise_primitive
from franken.core.primitive import Primitive, bind
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.samples import S
from franken.ops.indexing.gather_scatter import scatter_, scatter_add_
from franken.ops.surface.args import checked_number

_REDUCES = ("sum", "prod", "mean", "amax", "amin")


def reduce_kernel(
    x: Any, index: Any, src: Any, *, dim: int, reduce: str, include_self: bool
) -> Any:
    """x with `src` reduced into the places of `index`; half precision rounds once."""
    places.check_bounds(index, dim, x.shape[dim])
    return places.widened(
        lambda o, s: segment.scatter_reduce(o, dim, index, s, reduce, include_self), x.copy(), src
    )


scatter_reduce_ = Primitive(
    "scatter_reduce",
    ("x", "index", "src"),
    reduce_kernel,
    batch=all_batched("dim"),
    meta="same",
)


@scatter_reduce_.joint_vjp
def _(
    g: Any, needs: Any, x: Any, index: Any, src: Any, out: Any, dim: int, reduce: str,
    include_self: bool,
) -> Any:  # fmt: skip
    names = "scatter_reduce", "src"
    return reduce_back(g, x, index, src, out, dim, reduce, include_self, names)


def reduce_back(
    g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, reduce: str, include_self: bool,
    names: tuple[str, str],
) -> Any:  # fmt: skip
    """Cotangents of the inputs of the op `names[0]`, whose values are called `names[1]`."""
    at = _Dim(dim, index, names)
    gx, gsrc = _REDUCE_VJP[reduce](g, x, src, out, at, include_self)
    if gx is not None and not include_self:
        gx = at.put(gx, 0)
    return gx, None, gsrc


scatter_reduce_.depends("x", of=("x",), when=lambda p: p["reduce"] == "prod")


class _Dim:
    """The places of a scatter: read, write, add and multiply at them."""

    def __init__(self, dim: int, index: Any, names: tuple[str, str]) -> None:
        self.dim, self.index, self.names = dim, index, names

    def get(self, t: Any) -> Any:
        return t.gather(self.dim, self.index)

    def put(self, t: Any, src: Any) -> Any:
        return scatter_(t, self.index, src, dim=self.dim)

    def add(self, t: Any, src: Any) -> Any:
        return scatter_add_(t, self.index, src, dim=self.dim)

    def prod(self, t: Any, src: Any, include_self: bool) -> Any:
        return scatter_reduce_(
            t, self.index, src, dim=self.dim, reduce="prod", include_self=include_self
        )


def _sum_vjp(g: Any, x: Any, src: Any, out: Any, at: Any, include_self: bool) -> Any:
    return g, at.get(g)


def _mean_vjp(g: Any, x: Any, src: Any, out: Any, at: Any, include_self: bool) -> Any:
    start = x.new_ones(tuple(x.shape)) if include_self else x.new_zeros(tuple(x.shape))
    count = at.add(start, src.new_ones(tuple(src.shape)))
    share = g / count.masked_fill(count == 0, 1)
    return share, at.get(share)


def _prod_vjp(g: Any, x: Any, src: Any, out: Any, at: Any, include_self: bool) -> Any:
    """out / src, except that a place's only zero gets the product of the others."""
    gx = g * at.prod(x.new_ones(tuple(x.shape)), src, True)
    zero = src == 0
    count = at.get(at.add(x.new_zeros(tuple(x.shape)), zero.to(x.dtype)))
    only = zero & (count == 1)
    others = at.prod(x, src.masked_fill(only, 1), include_self)
    rest = at.get(g * out) / src.masked_fill(zero, 1)
    picked = at.get(g * others)
    gsrc = rest.masked_fill(only, 0) + picked.masked_fill(~only, 0)
    if STATE.grad and not count.level and bool(values(zero & (count > 1)).any()):
        op, src_name = at.names
        gsrc = once_derived(
            gsrc,
            words=f"{op}(): Double backward is unsupported for {src_name} when "
            f">1 zeros in {src_name} are scattered to the same position in self",
        )
    return gx, gsrc


once_derived = pointwise_primitive("once_derived", ("x",), lambda x, words: x.copy(),
                                   title="torch::autograd::Error")  # fmt: skip


@once_derived.vjp("x")
def _(g: Any, words: Any) -> Any:
    raise RuntimeError(words)


def _extreme_vjp(g: Any, x: Any, src: Any, out: Any, at: Any, include_self: bool) -> Any:
    """Elements that equal the result share its cotangent evenly."""
    hit_x = (x == out).to(g.dtype)
    if not include_self:
        hit_x = at.put(hit_x, 0)
    hit_src = (src == at.get(out)).to(g.dtype)
    count = at.add(hit_x, hit_src)
    share = g / count  # of NaN no element is the result: 0 / 0
    kept = share * hit_x if include_self else share
    return kept, at.get(share) * hit_src


_REDUCE_VJP = {"sum": _sum_vjp, "mean": _mean_vjp, "prod": _prod_vjp, "amax": _extreme_vjp,
               "amin": _extreme_vjp}  # fmt: skip


# --- public ops -----------------------------------------------------------------------------------


def _prepared(input: Tensor, dim: int, index: Tensor, src: Any) -> tuple[Any, ...]:
    """Check the arguments; (x, index, src, dim) of equal rank, or None for nothing to do."""
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError("scatter(): Expected dtype int32/int64 for index")
    is_tensor = isinstance(src, Tensor)
    if is_tensor and src.dtype is not input.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    d = wrap_dim(dim, input.ndim)
    if index.shape.numel() == 0:
        return input, None, src, d
    if max(index.ndim, 1) != max(input.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if is_tensor and max(src.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    x, i, s = (_row(t) for t in (input, index, src))
    _check_fits(x, i, s, d)
    if is_tensor:
        for k, n in enumerate(tuple(i.shape)):
            if s.shape[k] != n:
                s = s.narrow(k, 0, n)
    return x, i, s, d


def _row(t: Any) -> Any:
    return t.reshape(1) if isinstance(t, Tensor) and t.ndim == 0 else t  # type: ignore[attr-defined]


def _check_fits(x: Any, index: Any, src: Any, dim: int) -> None:
    have, want = tuple(index.shape), tuple(x.shape)
    room = tuple(src.shape) if isinstance(src, Tensor) else have
    if any(m > n and d != dim for d, (m, n) in enumerate(zip(have, want, strict=True))) or any(
        m > n for m, n in zip(have, room, strict=True)
    ):
        tail = "" if not isinstance(src, Tensor) else (
            f" and to be no larger size than src {list(room)}"
        )  # fmt: skip
        raise RuntimeError(
            f"Expected index {list(have)} to be no larger than self {list(want)} apart from "
            f"dimension {dim}{tail}"
        )


def _scattered(
    prim: Primitive, input: Tensor, dim: int, index: Any, src: Any, **params: Any
) -> Any:
    x, i, s, d = _prepared(input, dim, index, src)
    if i is None:
        return input.clone()  # type: ignore[attr-defined]
    out = bind(prim, (x, i, s), {"dim": d, **params})
    return out if input.ndim else out.reshape(())


def _scatter_title(
    input: Tensor, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
) -> str:
    if reduce is not None:
        return "torch::autograd::NotImplemented"
    src = value if src is None else src
    return "ScatterBackward0" if isinstance(src, Tensor) else "ScatterBackward1"


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), 1, t.of([[0, 2], [1, 3], [3, 0]]), t(3, 2)),
        S(t(3, 4), 0, t.of([[0, 2, 1]]), 1.5),
        S(t(3, 4), 1, t.index(3, 2, high=4), t(3, 2), reduce="add"),
    ],
    title=_scatter_title,
)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
    reduce: str | None = None,
) -> Tensor:  # fmt: skip
    """A copy with out[index[i][j]][j] = src[i][j] for dim 0, and so on; src may be a number."""
    src = value if src is None else src
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        kind = "sum" if reduce == "add" else "prod"
        s = src if isinstance(src, Tensor) else _full(input, index, src)
        return _scattered(scatter_reduce_, input, dim, index, s, reduce=kind, include_self=True)
    if not isinstance(src, Tensor):
        src = checked_number(src, input.dtype, by_kernel=True)
    return _scattered(scatter_, input, dim, index, src)


def _full(input: Any, index: Any, value: Any) -> Any:
    shape = tuple(index.shape)
    return input.new_zeros(shape).masked_fill(input.new_ones(shape).to(dt.bool), value)


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), 1, t.index(3, 2, high=4), t(3, 3)),
        S(t(4), 0, t.index(6, high=4), t(6)),
        S(t(), 0, t.index(high=1), t()),
        S(t(3), 0, t.index(0, high=3), t(0)),
    ],
    title="ScatterAddBackward0",
)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with src[i][j] added at [index[i][j]][j] for dim 0, and so on."""
    return _scattered(scatter_add_, input, dim, index, src)


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), 1, t.index(3, 3, high=4), t(3, 3), "sum"),
        S(t(4), 0, t.index(6, high=4), t(6, low=0.5), "mean"),
        S(t.distinct(4) * 7, 0, t.index(6, high=4), t.distinct(6), "amax", include_self=False),
        S(t(4, low=0.5), 0, t.index(6, high=4), t(6, low=0.5), "prod"),
    ],
)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy with src reduced into it by "sum", "prod", "mean", "amax" or "amin"."""
    if reduce not in _REDUCES:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    stem = "scatter_gather_tensor_cpu_reduce_"
    refuse_reduce(input, reduce, stem + "mean", stem + "amax", stem + "amin")
    return _scattered(
        scatter_reduce_, input, dim, index, src, reduce=reduce, include_self=include_self
    )


def refuse_reduce(input: Tensor, reduce: str, mean: str, amax: str, amin: str) -> None:
    """Raise for what has no mean (bool) and no order (complex), naming torch's kernels."""
    kind = input.dtype.kind
    if kind == dt.BOOL and reduce == "mean" or kind == dt.COMPLEX and reduce in ("amax", "amin"):
        kernel = {"mean": mean, "amax": amax, "amin": amin}[reduce]
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{input.dtype.scalar_name}'")
