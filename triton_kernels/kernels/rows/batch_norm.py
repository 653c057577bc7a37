"""Batch norm: training and evaluation, forward and backward, and the running statistics.

Channels come second and may lie anywhere in memory, so that channels-last arrays are walked as
they are. Sums over samples and places are cut in pieces that are joined in a fixed order.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv, floating, strides
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.batch_norm import (
    backward_cases,
    batch_norm_backward_reference,
    batch_norm_inference_backward_reference,
    batch_norm_inference_reference,
    batch_norm_reference,
    batch_norm_running_reference,
    inference_backward_cases,
    inference_cases,
    running_cases,
    training_cases,
)
from . import channels
from .norm_parts import add_rows, halves


@kernel(source=channels.BATCH)
@triton.jit
def running_kernel(
    running_mean_ptr, running_variance_ptr, mean_ptr, variance_ptr, channels, mean_step,
    variance_step, weight, weight_rest, correction, correction_rest,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """running += weight (new - running), the new variance times `correction`; in place."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = at < channels
    wide: tl.constexpr = mean_ptr.dtype.element_ty
    part = tl.zeros([], wide) + weight + weight_rest
    factor = tl.zeros([], wide) + correction + correction_rest
    old = tl.load(running_mean_ptr + at * mean_step, mask=ok, other=0.0).to(wide)
    new = old + part * (tl.load(mean_ptr + at, mask=ok, other=0.0) - old)
    tl.store(running_mean_ptr + at * mean_step, new.to(running_mean_ptr.dtype.element_ty), mask=ok)
    old = tl.load(running_variance_ptr + at * variance_step, mask=ok, other=0.0).to(wide)
    new = old + part * (factor * tl.load(variance_ptr + at, mask=ok, other=0.0) - old)
    tl.store(
        running_variance_ptr + at * variance_step,
        new.to(running_variance_ptr.dtype.element_ty), mask=ok,
    )  # fmt: skip


def _check(op: str, x: Any, *vectors: Any) -> str:
    """The dtype of x, once vectors (or None) are known to hold a floating number a channel."""
    dtype = floating(op, x)
    if x.ndim < 2:
        raise ValueError(f"{op}: expected an array (N, C, ...), got {x.ndim} axes")
    for v in vectors:
        if v is not None and tuple(v.shape) != (x.shape[1],):
            raise ValueError(f"{op}: a vector of shape {tuple(v.shape)} for {x.shape[1]} channels")
        if v is not None:
            floating(op, v)
    return dtype


@op(reference=batch_norm_reference, cases=training_cases, ulps=16)
def batch_norm(
    x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[Any, Any, Any, Any]:
    """Normalise x (N, C, ...) by each channel's own moments: (y, mean, variance, rstd).

    weight, bias: contiguous (C,) of any floating dtype, or None. y: as x, channels innermost where
    x has them so. The rest (C,) in fp32, fp64 for fp64; the variance is biased; nan without values.
    """
    dtype = _check("batch_norm", x, weight, bias)
    view = channels.places(x)
    out = channels.beside(view)
    p = channels.plan(dtype, 1, True, out, view)
    mean, variance, rstd = channels.moments(p, view, eps, True)
    channels.apply(p, view, out, mean, rstd, weight, bias, None)
    return out.reshape(x.shape), mean, variance, rstd


@op(reference=batch_norm_inference_reference, cases=inference_cases, ulps=8)
def batch_norm_inference(
    x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalise x (N, C, ...) by given moments (C,); all vectors contiguous, floating. y: as x."""
    dtype = _check("batch_norm_inference", x, mean, variance, weight, bias)
    view = channels.places(x)
    out = channels.beside(view)
    p = channels.plan(dtype, 1, True, out, view)
    channels.apply(p, view, out, mean, variance, weight, bias, eps)
    return out.reshape(x.shape)


@op(reference=batch_norm_running_reference, cases=running_cases, ulps=4, mutates=(0, 1))
def batch_norm_running(
    running_mean: Any, running_variance: Any, mean: Any, variance: Any, count: int,
    momentum: float = 0.1,
) -> tuple[Any, Any]:  # fmt: skip
    """Move running moments (C,) in place towards new ones; return them.

    mean, variance: as `batch_norm` gives them; count: the values of a channel that they are of,
    which makes the variance unbiased (infinite for one value, as n / (n - 1) is).
    """
    floating("batch_norm_running", mean, variance)
    factor = count / (count - 1) if count > 1 else float("inf")
    config = choose("running")
    block = config.constants["BLOCK"]
    launch(
        running_kernel, (cdiv(mean.shape[0], block),), running_mean, running_variance, mean,
        variance, mean.shape[0], *strides(running_mean), *strides(running_variance),
        *halves(momentum), *_halves_of(factor), BLOCK=block, warps=config.warps,
        stages=config.stages,
    )  # fmt: skip
    return running_mean, running_variance


def _halves_of(value: float) -> tuple[float, float]:
    return (value, 0.0) if value == float("inf") else halves(value)


def _gradients(
    op: str, g: Any, x: Any, mean: Any, scale: Any, weight: Any, eps: float | None
) -> tuple[Any, Any, Any]:
    dtype = _check(op, x, mean, scale, weight)
    floating(op, g, x)
    if g.shape != x.shape:
        raise ValueError(f"{op}: gradient of shape {g.shape}, expected {x.shape}")
    grads, view = channels.places(g), channels.places(x)
    out = channels.beside(view)
    p = channels.plan(dtype, 1, True, out, grads, view)
    along, total = channels.sums(p, grads, view, mean, scale, eps)
    means = channels.terms(p, along, total, weight) if eps is None else (None, None)
    channels.backward(p, grads, view, out, mean, scale, weight, means, eps)
    return (out.reshape(x.shape),
            *add_rows(along, total, (x if weight is None else weight).dtype))  # fmt: skip


@op(reference=batch_norm_backward_reference, cases=backward_cases, ulps=32)
def batch_norm_backward(
    g: Any, x: Any, mean: Any, rstd: Any, weight: Any = None
) -> tuple[Any, Any, Any]:
    """Gradients of `batch_norm` in x, weight and bias, from y's; mean, rstd: the forward's.

    Gradients of parameters have weight's dtype, or x's without a weight.
    """
    return _gradients("batch_norm_backward", g, x, mean, rstd, weight, None)


@op(reference=batch_norm_inference_backward_reference, cases=inference_backward_cases, ulps=32)
def batch_norm_inference_backward(
    g: Any, x: Any, mean: Any, variance: Any, weight: Any = None, eps: float = 1e-5
) -> tuple[Any, Any, Any]:
    """Gradients of `batch_norm_inference` in x, weight and bias: its moments are constants."""
    return _gradients("batch_norm_inference_backward", g, x, mean, variance, weight, eps)
