"""Scaled dot-product attention as one primitive, and its public form.

Knows masks, causality, grouped queries and dropout; what the primitive does not take (dropout, a
mask that needs a gradient) is computed by the formula in plain ops.
"""

from __future__ import annotations

import math
from typing import Any

from franken.backends.meta import rules
from franken.backends.numpy import attention as kernels
from franken.core import dtypes as dt
from franken.core.batching import batch_size, spread, to_front
from franken.core.convert import cast
from franken.core.geometry.shapes import broadcast_two
from franken.core.node import titled
from franken.core.op import namespace, op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.pulled_back import pulled_back, pushed_forward
from franken.ops.declaring.samples import S
from franken.ops.linalg.product import matmul_


def _kernel(q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool) -> Any:
    return kernels.attention_forward(q, k, v, mask, scale, causal)


def _grad_kernel(
    g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, sums: Any, *, scale: float, causal: bool
) -> Any:
    return kernels.attention_backward(g, q, k, v, mask, out, sums, scale, causal)


def _geometry(q: Any, k: Any, v: Any, mask: Any, **params: Any) -> Any:
    wide = kernels._wide(q)
    return [
        rules.reserved((*q.shape[:-1], v.shape[-1]), q.dtype),
        rules.reserved(q.shape[:-1], wide),
    ]


attend = Primitive(
    "attention", ("q", "k", "v", "mask"), _kernel, outputs=2, nondiff=(1,), meta=_geometry,
    title="ScaledDotProductFlashAttentionForCpuBackward0",
)  # fmt: skip
attend_grad = Primitive(
    "attention_grad",
    ("y", "q", "k", "v", "mask", "result", "sums"),
    _grad_kernel,
    outputs=3,
    meta=lambda g, q, k, v, *_, **params: rules.each(q, k, v),
)

# --- the formula ---------------------------------------------------------------------------------


def _seen(q: Any, k: Any, mask: Any, causal: bool) -> Any:
    """Which scores count, as a bool mask or as an additive one; None if all do."""
    if not causal:
        return mask
    rows, keys = q.shape[-2], k.shape[-2]
    lower = namespace("torch")["ones"](rows, keys, dtype=dt.bool, device=q.device).tril()
    if mask is None:
        return lower
    if mask.dtype is dt.bool:
        return mask.logical_and(lower)
    return mask.masked_fill(lower.logical_not(), -math.inf)


def weights(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    """softmax(q k' scale + mask); rows that see nothing are zero."""
    scores = matmul_(q * scale, k.transpose(-2, -1))
    mask = _seen(q, k, mask, causal)
    if mask is None:
        return scores.softmax(-1)
    if mask.dtype is dt.bool:
        scores = scores.masked_fill(mask.logical_not(), -math.inf)
    else:
        scores = scores + mask
    dead = (scores == -math.inf).all(-1, True)
    return scores.masked_fill(dead, 0).softmax(-1).masked_fill(dead, 0)


def _formula(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    return matmul_(weights(q, k, mask, scale, causal), v)


def _gradients(y: Any, q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    p = weights(q, k, mask, scale, causal)
    dp = matmul_(y, v.transpose(-2, -1))
    ds = p * (dp - (dp * p).sum(-1, True)) * scale
    return matmul_(ds, k), matmul_(ds.transpose(-2, -1), q), matmul_(p.transpose(-2, -1), y)


@attend.joint_vjp
def _(
    g: Any, needs: Any, q: Any, k: Any, v: Any, mask: Any, out0: Any, out1: Any, scale: float,
    causal: bool,
) -> Any:  # fmt: skip
    grads = attend_grad(g[0], q, k, v, mask, out0, out1, scale=scale, causal=causal)
    return (*grads, None)


@attend.jvp
def _(tangents: Any, out: Any, q: Any, k: Any, v: Any, mask: Any, **p: Any) -> Any:
    def formula(q: Any, k: Any, v: Any) -> Any:
        return _formula(q, k, v, mask, **p)

    return pushed_forward(formula, (q, k, v), tangents[:3]), None


@attend_grad.joint_vjp
def _(
    g: Any, needs: Any, y: Any, q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool
) -> Any:
    def formula(y: Any, q: Any, k: Any, v: Any) -> Any:
        return _gradients(y, q, k, v, mask, scale, causal)

    return [*pulled_back(formula, (y, q, k, v), g), None, None, None]


@attend_grad.jvp
def _(tangents: Any, out: Any, *inputs: Any, **p: Any) -> Any:
    def formula(y: Any, q: Any, k: Any, v: Any) -> Any:
        return _gradients(y, q, k, v, inputs[4], **p)

    return pushed_forward(formula, inputs[:4], tangents[:4])


def _in_front(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """Batching: one more leading dimension, which an unbatched mask is repeated along."""
    size, at = batch_size(values, dims), 3 if prim is attend else 4
    rank = values[0].ndim - (dims[0] is not None)
    lifted = []
    for i, (v, d) in enumerate(zip(values, dims, strict=True)):
        if i != at:
            v = spread(v, d, size)
        elif d is not None:
            v = to_front(v, d)
            v = v.reshape(size, *(1,) * (rank + 1 - v.ndim), *v.shape[1:])
        lifted.append(v)
    return prim(*lifted, **params), 0


attend.batching(_in_front)
attend_grad.batching(_in_front)

# --- public --------------------------------------------------------------------------------------


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Any) -> None:
    if q.dtype is not k.dtype or q.dtype is not v.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{q.dtype.cpp_name} key.dtype: {k.dtype.cpp_name} and value.dtype: "
            f"{v.dtype.cpp_name} instead."
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{q.ndim} key.dim: {k.ndim} and value.dim: {v.ndim} instead."
        )
    if mask is not None and not (
        mask.dtype is dt.bool or mask.dtype is dt.float32 or mask.dtype is q.dtype
    ):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {mask.dtype.cpp_name} and  query.dtype: {q.dtype.cpp_name} instead."
        )
    if q.dtype.is_complex:
        raise NotImplementedError(
            f"\"softmax_lastdim_kernel_impl\" not implemented for '{q.dtype.scalar_name}'"
        )
    if not q.dtype.is_floating_point:
        raise RuntimeError(f"expected scalar type Float but found {q.dtype.scalar_name}")


def _repeat_heads(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values, each head repeated for the query heads that share it."""
    heads = q.shape[-3]
    if heads % k.shape[-3] or heads % v.shape[-3]:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
    return _repeated(k, heads // k.shape[-3]), _repeated(v, heads // v.shape[-3])


def _repeated(t: Tensor, times: int) -> Tensor:
    if times == 1:
        return t
    s = tuple(t.shape)
    wide = t.reshape(*s[:-2], 1, *s[-2:]).expand(*s[:-2], times, *s[-2:])
    return wide.reshape(*s[:-3], s[-3] * times, *s[-2:])


def _aligned(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three with equal leading dimensions."""
    leads = [tuple(t.shape[:-2]) for t in (q, k, v)]
    lead = leads[0]
    if leads[1] != lead or leads[2] != lead:
        lead = broadcast_two(broadcast_two(lead, leads[1]), leads[2])
        q, k, v = (
            t if have == lead else t.expand(*lead, *t.shape[-2:])
            for t, have in zip((q, k, v), leads, strict=True)
        )
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        n = math.prod(lead)
        want, got = (
            ((n, q.shape[-1]), (n, k.shape[-1]))
            if q.shape[-1] != k.shape[-1]
            else ((n, k.shape[-2]), (n, v.shape[-2]))
        )
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {list(want)} but got: "
            f"{list(got)}."
        )
    return q, k, v


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(2, 3, 4), t(2, 5, 4), t(2, 5, 6)),
        S(t(1, 2, 4, 3), t(1, 2, 4, 3), t(1, 2, 4, 3), is_causal=True),
        S(
            t(2, 3, 4),
            t(2, 5, 4),
            t(2, 5, 4),
            attn_mask=t.of([[True, True, False, True, True]] * 3),
            scale=0.4,
        ),
        S(t(2, 3, 4), t(2, 5, 4), t(2, 5, 4), attn_mask=t(3, 5)),
    ],
)
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query key' scale + mask) value, over (..., L, E), (..., S, E), (..., S, V)."""
    _check(query, key, value, attn_mask)
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if enable_gqa:
        key, value = _repeat_heads(query, key, value)
    q, k, v = _aligned(query, key, value)
    if attn_mask is not None:
        whole = (*q.shape[:-1], k.shape[-2])
        if broadcast_two(whole, tuple(attn_mask.shape)) != whole:
            raise RuntimeError(
                f"The expanded size of the tensor {list(whole)} must match the existing size "
                f"{list(attn_mask.shape)}"
            )
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1]) if q.shape[-1] else 1.0
    tracked = attn_mask is not None and (attn_mask.level or attn_mask.requires_grad)  # type: ignore[attr-defined]
    if dropout_p == 0.0 and not (tracked and attn_mask.dtype is not dt.bool):
        return attend(q, k, v, attn_mask, scale=float(scale), causal=bool(is_causal))[0]  # type: ignore[no-any-return]
    p = cast(weights(q, k, attn_mask, scale, is_causal), v.dtype)
    if dropout_p:
        p = namespace("nn.functional")["dropout"](p, dropout_p)
    return titled(matmul_(p, v), "UnsafeViewBackward0")  # type: ignore[no-any-return]
