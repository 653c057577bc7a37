"""Batch and instance normalisation, and how running statistics follow the batch's."""

from __future__ import annotations

import math
from typing import Any

from franken.autograd.hooks import effects_first
from franken.core.convert import cast
from franken.core.inplace import bump, writeable
from franken.core.op import op
from franken.core.state import STATE, set_grad
from franken.core.tensor import Tensor
from franken.functional.nn.normalization import check_params, grouped, reciprocal_deviation
from franken.ops.declaring.declare import refuse_grad
from franken.ops.declaring.samples import S
from franken.ops.nn.normalize import normalize_channels, normalize_fixed


def _check(x: Tensor, mean: Any, var: Any, w: Any, b: Any, training: bool) -> None:
    if (mean is None) != (var is None) and training:
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if not training and (mean is None or var is None):
        missing = "running_mean" if mean is None else "running_var"
        raise RuntimeError(f"{missing} must be defined in evaluation mode")
    channels = x.shape[1] if x.ndim > 1 else 0
    named = (("running_mean", mean), ("running_var", var), ("weight", w), ("bias", b))
    for name, p in named:
        if p is not None and math.prod(p.shape) != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {math.prod(p.shape)}"
            )
    check_params("batch_norm", x, mean, var, w, b)


_UNBATCHED = (
    "Batch norm got a batched tensor as input while the running_mean or running_var, which will be "
    "updated in place, were not batched.\nIf you are using a module and do not need eval mode, "
    "please set `track_running_stats` to be False.If you are using a prebuilt module and do not "
    "need eval mode, please see the functorch website for resources on how to patch your module to "
    "work with vmap"
)


def _follow(running: Tensor, value: Tensor, momentum: float) -> None:
    """running = (1 - momentum) * running + momentum * value, in place and off the tape.

    To the transforms it is no in-place op: a derivative's level does not see it at all.
    """
    plain = running.level == 0 and value.level == 0 and STATE.recorder is None
    if STATE.traces:
        trace = STATE.traces[-1]
        batched = not trace.derives and trace.owns(value)
        if batched and not trace.owns(running):
            raise RuntimeError(_UNBATCHED)
        if not batched:
            trace.beneath(_follow, trace.lower(running), trace.lower(value), momentum)
            return
    elif plain and not running.is_meta and writeable(running._a):
        a = running._a
        a *= a.dtype.type(1 - momentum)
        a += (value._a * value._a.dtype.type(momentum)).astype(a.dtype)
        bump(running)
        return
    before = set_grad(False)
    try:
        running.mul_(1 - momentum).add_(cast(value, running.dtype) * momentum)  # type: ignore[attr-defined]
    finally:
        set_grad(before)


def _batch(
    x: Tensor, w: Any, b: Any, mean: Any, var: Any, training: bool, momentum: Any, eps: float
) -> tuple[Tensor, Any, Any]:
    """(y, mean, variance) of the batch; no statistics in evaluation."""
    refuse_grad("native_batch_norm", running_mean=mean, running_var=var)
    _check(x, mean, var, w, b, training)
    if not isinstance(momentum, (int, float)):
        raise TypeError(
            "batch_norm(): argument 'momentum' (position 7) must be float, not "
            f"{type(momentum).__name__}"
        )
    w, b = (p if p is None or p.ndim == 1 else p.reshape(-1) for p in (w, b))
    if x.ndim < 2:  # only an empty vector gets here
        return x.clone(), x.new_zeros((0,)), x.new_zeros((0,))
    if not training:
        return normalize_fixed(x, w, b, mean, var, eps=float(eps)), None, None
    if 0 in x.shape:
        empty = x.new_zeros((x.shape[1],))
        return x.clone(), empty, empty
    if mean is None:
        return normalize_channels(x, w, b, eps=float(eps))  # type: ignore[no-any-return]
    with effects_first():
        y, m, v = normalize_channels(x, w, b, eps=float(eps))
        count = x.shape[0] * math.prod(x.shape[2:])
        _follow(mean, m, momentum)
        before = set_grad(False)
        try:
            unbiased = v * (count / (count - 1)) if count > 1 else v * math.inf
        finally:
            set_grad(before)
        _follow(var, unbiased, momentum)
    return y, m, v


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(4, 3), None, None, t(3), t(3), training=True),
        S(t(2, 3, 4), t.const(3), t.const(3, low=0.5), t(3), t(3), eps=0.1),
        S(t.const(4, 3), t.const(3), t.const(3, low=0.5), training=True, momentum=0.3),
    ],
)
def batch_norm(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Standardise channels by the batch's statistics (training) or the running ones."""
    if training and input.ndim > 1:
        shape = tuple(input.shape)
        if shape[0] * math.prod(shape[2:]) == 1:
            raise ValueError(
                "Expected more than 1 value per channel when training, got input size "
                f"{input.shape}"
            )
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    return _batch(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


def _torch_batch_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """Standardise channels by the batch's statistics (training) or the running ones."""
    return _batch(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


op(
    name="batch_norm",
    method=False,
    samples=lambda t: [S(t(4, 3), t(3), t(3), None, None, True, 0.1, 1e-5, False)],
)(_torch_batch_norm)


@op(
    method=False,
    samples=lambda t: [
        S(t(4, 3), t(3), t(3), None, None, True, 0.1, 1e-5),
        S(t(2, 3, 4), t(3), t(3), t.const(3), t.const(3, low=0.5), False, 0.1, 0.1),
    ],
)
def native_batch_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(batch_norm, mean, reciprocal deviation); the statistics are empty in evaluation."""
    params = (weight, bias, running_mean, running_var)
    y, mean, var = _batch(input, *params, training, momentum, eps)
    if mean is None:
        empty = input.new_zeros((0,), dtype=(weight if weight is not None else input).dtype)
        return y, empty, empty.clone()
    rstd = reciprocal_deviation(var, eps, input, *params)
    return y, cast(mean, rstd.dtype), rstd


@op(
    method=False,
    samples=lambda t: [
        S(t(4, 3), t(3), t(3), True, 0.1, 1e-5),
        S(t(2, 3, 4), t(3), t(3), t.const(3), t.const(3, low=0.5), False, 0.1, 0.1),
    ],
    title=lambda *args: f"NativeBatchNormLegitBackward{int(len(args) == 6)}",
)
def _native_batch_norm_legit(input: Tensor, weight: Any, bias: Any, *rest: Any) -> Any:
    """`native_batch_norm`; without running statistics it takes (training, momentum, eps) only."""
    mean, var = (None, None) if len(rest) == 3 else rest[:2]
    return native_batch_norm(input, weight, bias, mean, var, *rest[-3:])


# --- instance ------------------------------------------------------------------------------------


def _instance(
    x: Tensor, mean: Any, var: Any, w: Any, b: Any, own: bool, momentum: float, eps: float
) -> Tensor:
    if (mean is None) != (var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if not own:
        if mean is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return _batch(x, w, b, mean, var, False, momentum, eps)[0]
    refuse_grad("native_batch_norm", running_mean=mean, running_var=var)
    n, channels = x.shape[:2]
    named = (("running_mean", mean), ("running_var", var), ("weight", w), ("bias", b))
    for name, p in named:
        if p is not None and math.prod(p.shape) != channels:
            raise RuntimeError(
                f"{name} should contain {n * channels} elements not {n * math.prod(p.shape)}"
            )
    check_params("batch_norm", x, mean, var, w, b)
    y, m, v = grouped(x, channels, w, b, eps)
    y = y.contiguous()
    if mean is not None and 0 not in x.shape:
        count, before = math.prod(x.shape[2:]), set_grad(False)
        try:
            mean_of, var_of = m.mean(0), v.mean(0) * (count / (count - 1))
        finally:
            set_grad(before)
        _follow(mean, mean_of, momentum)
        _follow(var, var_of, momentum)
    return y


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(2, 3, 4)),
        S(t(2, 3, 4), t.const(3), t.const(3, low=0.5), t(3), t(3), use_input_stats=False),
        S(t(2, 3, 4, 2), weight=t(3), bias=t(3), eps=0.1),
    ],
    title="ViewBackward0",
)
def instance_norm(
    input: Tensor, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Standardise each channel of each example, then scale and shift by channel."""
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.shape}"
        )
    return _instance(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def _torch_instance_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """Standardise each channel of each example, then scale and shift by channel."""
    return _instance(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


op(
    name="instance_norm",
    title="ViewBackward0",
    method=False,
    samples=lambda t: [S(t(2, 3, 4), t(3), t(3), None, None, True, 0.1, 1e-5, False)],
)(_torch_instance_norm)
