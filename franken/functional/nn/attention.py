"""Multi-head attention: projections, masks, and attention over heads.

Knows the arguments of torch's function of that name; shapes are (length, batch, embedding).
Source: Vaswani et al., Attention Is All You Need, 2017.
"""

from __future__ import annotations

import math
from typing import Any

from franken.core import dtypes as dt
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import attention_heads
from franken.ops.linalg.product import linear
from franken.ops.nn.attention import scaled_dot_product_attention
from franken.ops.nn.conv import split
from franken.ops.nn.pad import pad_
from franken.ops.shape.join import cat


def _require(holds: bool, message: str) -> None:
    """torch's checks here are assertions, whose type programs may rely on."""
    if not holds:
        raise AssertionError(message)


def _is_batched(q: Tensor, k: Tensor, v: Tensor, padding: Any, mask: Any, heads: int) -> bool:
    if q.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {q.ndim}-D query "
            "tensor"
        )
    batched = q.ndim == 3
    kind = "batched (3-D)" if batched else "unbatched (2-D)"
    n = q.ndim
    _require(
        k.ndim == n and v.ndim == n,
        f"For {kind} `query`, expected `key` and `value` to be {n}-D but found {k.ndim}-D and "
        f"{v.ndim}-D tensors respectively",
    )
    if padding is not None:
        _require(
            padding.ndim == n - 1,
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {n - 1}-D but found "
            f"{padding.ndim}-D tensor instead",
        )
    if mask is not None:
        _require(
            mask.ndim in (2, 3),
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{mask.ndim}-D tensor instead",
        )
        if not batched and mask.ndim == 3:
            want = (heads, q.shape[0], k.shape[0])
            _require(
                tuple(mask.shape) == want,
                f"Expected `attn_mask` shape to be {want} but got {mask.shape}",
            )
    return batched


def _additive(mask: Any, name: str, dtype: Any) -> Any:
    """A bool mask (true hides) as one to add; a floating one as it is."""
    if mask is None:
        return None
    _require(
        mask.dtype is dt.bool or mask.dtype.is_floating_point,
        f"only bool and floating types of {name} are supported",
    )
    if mask.dtype is not dt.bool:
        return mask
    return mask.new_zeros(tuple(mask.shape), dtype=dtype).masked_fill(mask, -math.inf)


def _packed(q: Any, k: Any, v: Any, w: Tensor, b: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Projections by one weight (3E, E): as few products as the inputs' identity allows."""
    e = q.shape[-1]
    if k is v and q is k:
        out = linear(q, w, b)
        return tuple(out.narrow(-1, i * e, e) for i in range(3))  # type: ignore[return-value]
    parts = [w.narrow(0, i * e, e) for i in range(3)]
    biases = [None] * 3 if b is None else [b.narrow(0, i * e, e) for i in range(3)]
    return tuple(linear(t, p, c) for t, p, c in zip((q, k, v), parts, biases, strict=True))  # type: ignore[return-value]


def _check_mask(mask: Any, length: int, keys: int, batch_heads: int) -> Any:
    """The mask with three dimensions."""
    if mask is None:
        return None
    if mask.ndim == 2:
        if tuple(mask.shape) != (length, keys):
            raise RuntimeError(
                f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, keys)}."
            )
        return mask.unsqueeze(0)
    if tuple(mask.shape) != (batch_heads, length, keys):
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.shape}, but should be "
            f"{(batch_heads, length, keys)}."
        )
    return mask


def _one_more(mask: Any) -> Any:
    """The mask with one more key, which it does not hide."""
    if mask is None:
        return None
    return pad_(mask, widths=((0, 0),) * (mask.ndim - 1) + ((0, 1),), value=0)


def _heads(t: Tensor, heads: int) -> Tensor:
    """(length, batch, E) as (batch * heads, length, E / heads)."""
    n, batch, e = t.shape
    return t.reshape(n, batch * heads, e // heads).transpose(0, 1)


def _static(t: Any, name: str, rows: int, depth: int) -> Tensor:
    for at, want in ((0, rows), (2, depth)):
        _require(
            t.shape[at] == want,
            f"expecting {name}.size({at}) of {want}, but got {t.shape[at]}",
        )
    return t  # type: ignore[no-any-return]


def _project(
    q: Tensor, k: Tensor, v: Tensor, w: Any, b: Any, separate: bool, ws: tuple[Any, Any, Any]
) -> tuple[Tensor, Tensor, Tensor]:
    if not separate:
        _require(w is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        return _packed(q, k, v, w, b)
    for name, one in zip("qkv", ws, strict=True):
        _require(
            one is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None"
        )
    e = q.shape[-1]
    biases = [None] * 3 if b is None else [b.narrow(0, i * e, e) for i in range(3)]
    return tuple(linear(t, p, c) for t, p, c in zip((q, k, v), ws, biases, strict=True))  # type: ignore[return-value]


def _weighted(
    q: Tensor, k: Tensor, v: Tensor, mask: Any, dropout_p: float
) -> tuple[Tensor, Tensor]:
    """(attention, its weights) of (batch * heads, length, depth)."""
    scores = (q * math.sqrt(1.0 / q.shape[-1])) @ k.transpose(-2, -1)  # type: ignore[operator]
    if mask is not None:
        scores = scores + mask
    p = scores.softmax(-1)
    if dropout_p > 0.0:
        p = namespace("nn.functional")["dropout"](p, dropout_p)
    return p @ v, p


@op(at="nn.functional", method=False, samples=attention_heads)
def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Any, in_proj_bias: Any, bias_k: Any, bias_v: Any, add_zero_attn: bool,
    dropout_p: float, out_proj_weight: Tensor, out_proj_bias: Any, training: bool = True,
    key_padding_mask: Any = None, need_weights: bool = True, attn_mask: Any = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Any = None, k_proj_weight: Any = None,
    v_proj_weight: Any = None, static_k: Any = None, static_v: Any = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Any]:  # fmt: skip
    """(attention (L, N, E), weights (N, L, S) or None) of several heads; masks hide where true."""
    heads = num_heads
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask, heads)
    if not batched:
        query, key, value = _with_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, e = query.shape
    padding = _additive(key_padding_mask, "key_padding_mask", query.dtype)
    causal = _is_causal(is_causal, attn_mask, padding)
    mask = None
    if not causal or need_weights:
        mask = _additive(attn_mask, "attn_mask", query.dtype)
    _check_sizes(query, key, value, embed_dim_to_check, heads, use_separate_proj_weight)
    ws = (q_proj_weight, k_proj_weight, v_proj_weight)
    q, k, v = _project(
        query, key, value, in_proj_weight, in_proj_bias, use_separate_proj_weight, ws
    )
    mask = _check_mask(mask, length, key.shape[0], batch * heads)
    if _has_bias(bias_k, bias_v, static_k, static_v):
        k, v = (cat([t, b.expand(1, batch, e)]) for t, b in ((k, bias_k), (v, bias_v)))
        mask, padding = _one_more(mask), _one_more(padding)
    depth, rows = e // heads, batch * heads
    q = _heads(q, heads)
    k = _heads(k, heads) if static_k is None else _static(static_k, "static_k", rows, depth)
    v = _heads(v, heads) if static_v is None else _static(static_v, "static_v", rows, depth)
    if add_zero_attn:
        k, v = (cat([t, t.new_zeros((rows, 1, depth))], 1) for t in (k, v))
        mask, padding = _one_more(mask), _one_more(padding)
    mask = _merge(mask, padding, batch, heads, k.shape[1])
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        out, p = _weighted(q, k, v, mask, dropout_p)
        p = p.reshape(batch, heads, length, k.shape[1])
        p = p.mean(1) if average_attn_weights else p
        p = p if batched else p.squeeze(0)
    else:
        out, p = _fused(q, k, v, mask, dropout_p, causal, batch), None
    out = linear(out.transpose(0, 1).reshape(length, batch, e), out_proj_weight, out_proj_bias)
    return (out if batched else out.squeeze(1)), p


def _with_batch(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three with a batch dimension; those that are one tensor stay one."""
    query = q.unsqueeze(1)
    key = query if k is q else k.unsqueeze(1)
    return query, key, (key if v is k else v.unsqueeze(1))


def _is_causal(hint: bool, mask: Any, padding: Any) -> bool:
    if hint and mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    return hint and padding is None


def _has_bias(bias_k: Any, bias_v: Any, static_k: Any, static_v: Any) -> bool:
    if bias_k is None or bias_v is None:
        _require(bias_k is None, "bias_k is set but bias_v is None")
        _require(bias_v is None, "bias_v is set but bias_k is None")
        return False
    _require(static_k is None, "bias cannot be added to static key.")
    _require(static_v is None, "bias cannot be added to static value.")
    return True


def _fused(
    q: Tensor, k: Tensor, v: Tensor, mask: Any, dropout_p: float, causal: bool, batch: int
) -> Tensor:
    """Attention of (batch * heads, length, depth) that makes no weights."""
    if mask is not None:
        mask = (
            mask.unsqueeze(0)
            if mask.shape[0] == 1
            else split(mask, 0, batch, mask.shape[0] // batch)
        )
    parts = [split(t, 0, batch, t.shape[0] // batch) for t in (q, k, v)]
    out = scaled_dot_product_attention(*parts, mask, dropout_p, causal and mask is None)
    return out.reshape(tuple(q.shape))


def _check_sizes(
    q: Tensor, k: Tensor, v: Tensor, expected: int, heads: int, separate: bool
) -> None:
    e = q.shape[-1]
    _require(e == expected, f"was expecting embedding dimension of {expected}, but got {e}")
    _require(e % heads == 0, f"embed_dim {e} not divisible by num_heads {heads}")
    if separate:
        _require(
            k.shape[:2] == v.shape[:2],
            f"key's sequence and batch dims {k.shape[:2]} do not match value's {v.shape[:2]}",
        )
    else:
        _require(k.shape == v.shape, f"key shape {k.shape} does not match value shape {v.shape}")


def _merge(mask: Any, padding: Any, batch: int, heads: int, keys: int) -> Any:
    """Both masks as one, (1 or batch * heads, L or 1, keys)."""
    if padding is None:
        return mask
    _require(
        padding.shape[0] == batch,
        f"Expected key_padded_mask.shape[0] to be {batch}, but got {padding.shape[0]}",
    )
    _require(
        padding.shape[1] == keys,
        f"Expected key_padded_mask.shape[1] to be {keys}, but got {padding.shape[1]}",
    )
    padding = padding.reshape(batch, 1, 1, keys).expand(batch, heads, 1, keys)
    padding = padding.reshape(batch * heads, 1, keys)
    return padding if mask is None else mask + padding
