"""Connectionist temporal classification: the loss of unaligned label sequences.

Knows the forward and backward recursions over the labels with blanks between them, for a whole
batch at a time, in logarithms. Source: Graves et al., ICML 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive
from franken.core.tensor import Tensor
from franken.functional.losses.classes import numbered
from franken.ops.declaring.declare import refused
from franken.ops.declaring.loop import loop
from franken.ops.declaring.samples import S, estimated
from franken.ops.surface.data import tensor as make_tensor

# --- kernels --------------------------------------------------------------------------------------


def _states(t: Any, blank: int) -> tuple[Any, Any]:
    """(labels with blanks around each (N, 2L + 1), where a blank may be skipped)."""
    n, length = t.shape
    ext = np.full((n, 2 * length + 1), blank, np.int64)
    ext[:, 1::2] = t
    skip = np.zeros(ext.shape, np.bool_)
    skip[:, 2:] = (ext[:, 2:] != blank) & (ext[:, 2:] != ext[:, :-2])
    return ext, skip


def _shifted(a: Any, by: int) -> Any:
    """Move states right by `by` (left if negative), -inf coming in."""
    out = np.full_like(a, -np.inf)
    if by > 0:
        out[:, by:] = a[:, :-by]
    else:
        out[:, :by] = a[:, -by:]
    return out


def _alphas(lp: Any, skip: Any) -> Any:
    """log of the weight of all paths that end in each state at each time, (T, N, S)."""
    out = np.full_like(lp, -np.inf)
    out[0, :, :2] = lp[0, :, :2]
    for time in range(1, lp.shape[0]):
        a = out[time - 1]
        jump = np.where(skip, _shifted(a, 2), -np.inf)
        out[time] = np.logaddexp(np.logaddexp(a, _shifted(a, 1)), jump) + lp[time]
    return out


def _betas(lp: Any, skip: Any, lengths: Any, last: Any) -> Any:
    """log of the weight of all paths from each state at each time (its own included) to the end."""
    times, n, states = lp.shape
    out = np.full_like(lp, -np.inf)
    rows = np.arange(n)
    b = np.full((n, states), -np.inf, lp.dtype)
    ends = np.full((n, states), -np.inf, lp.dtype)
    ends[rows, last] = 0
    ends[rows, np.maximum(last - 1, 0)] = 0
    onward = np.zeros_like(skip)
    onward[:, :-2] = skip[:, 2:]
    for time in range(times - 1, -1, -1):
        jump = np.where(onward, _shifted(b, -2), -np.inf)
        b = np.logaddexp(np.logaddexp(b, _shifted(b, -1)), jump)
        b = np.where((lengths == time + 1)[:, None], ends, b) + lp[time]
        b = np.where((lengths > time)[:, None], b, -np.inf)
        out[time] = b
    return out


def _state_probs(x: Any, ext: Any) -> Any:
    times = x.shape[0]
    return np.take_along_axis(x, np.broadcast_to(ext, (times, *ext.shape)), 2)


def _ctc_kernel(x: Any, t: Any, lengths: Any, sizes: Any, *, blank: int) -> Any:
    n = x.shape[1]
    ext, skip = _states(t, blank)
    alpha = _alphas(_state_probs(x, ext), skip)
    rows, last = np.arange(n), 2 * sizes
    ends = alpha[np.maximum(lengths - 1, 0), rows]
    before = np.where(sizes > 0, ends[rows, np.maximum(last - 1, 0)], -np.inf)
    loss = -np.logaddexp(ends[rows, last], before)
    loss = np.where(lengths > 0, loss, np.where(sizes == 0, 0, np.inf))
    return loss.astype(x.dtype), alpha


def _ctc_grad_kernel(
    g: Any, x: Any, t: Any, lengths: Any, sizes: Any, loss: Any, alpha: Any, *, blank: int,
    finite: bool,
) -> Any:  # fmt: skip
    times, n, _ = x.shape
    ext, skip = _states(t, blank)
    lp = _state_probs(x, ext)
    inside = np.arange(ext.shape[1]) <= (2 * sizes)[:, None]
    joint = alpha + _betas(lp, skip, lengths, 2 * sizes) - lp + loss[:, None]
    share = np.where(inside & ~np.isneginf(lp), np.exp(joint), 0)
    posterior = np.zeros_like(x)
    rows = np.arange(n)
    for state in range(ext.shape[1]):
        posterior[:, rows, ext[:, state]] += share[:, :, state]
    out = (np.exp(x) - posterior) * g[:, None]
    out = np.where((np.arange(times)[:, None] < lengths)[:, :, None], out, 0)
    if finite:
        out = np.where(np.isinf(loss)[:, None], 0, out)
    return out.astype(x.dtype)


ctc_ = Primitive(
    "ctc", ("x", "t", "lengths", "sizes"),
    lambda x, t, lengths, sizes, *, blank, finite: _ctc_kernel(x, t, lengths, sizes, blank=blank),
    outputs=2, nondiff=(1,), batch=loop,title="CtcLossBackward0"
)  # fmt: skip
ctc_grad = Primitive(
    "ctc_grad", ("g_", "x", "t", "lengths", "sizes", "loss", "alpha"), _ctc_grad_kernel, batch=loop
)
ctc_grad.vjp("t", "lengths", "sizes", "alpha")(NOT_DIFFERENTIABLE)
ctc_.vjp("t", "lengths", "sizes")(NOT_DIFFERENTIABLE)


@ctc_grad.vjp("x", "loss")
def _(g: Any) -> Any:
    """Second derivatives do not exist, as in torch: better an error than a share of them."""
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


@ctc_grad.vjp("g_")
def _(
    g: Any, g__shape: Any, x: Any, t: Any, lengths: Any, sizes: Any, loss: Any, alpha: Any,
    blank: int, finite: bool,
) -> Any:  # fmt: skip
    """ctc_grad is linear in g_, one factor a sample: forward mode transposes through this."""
    slope = ctc_grad(
        x.new_ones(g__shape), x, t, lengths, sizes, loss, alpha, blank=blank, finite=finite
    )
    return (g * slope).sum((0, 2))


@ctc_.vjp("x")
def _(
    g: Any, x: Any, t: Any, lengths: Any, sizes: Any, out0: Any, out1: Any, blank: int, finite: bool
) -> Any:
    return ctc_grad(g[0], x, t, lengths, sizes, out0, out1, blank=blank, finite=finite)


# --- arguments ------------------------------------------------------------------------------------

_WHERE = "(while checking arguments for ctc_loss_allocate_outputs)"


def _lengths(name: str, v: Any, n: int) -> Any:
    v = v.detach().long() if isinstance(v, Tensor) else make_tensor(list(v), dtype=dt.int64)  # type: ignore[attr-defined]
    if v.numel() != n:
        raise RuntimeError(f"{name} must be of size batch_size")
    return v.reshape((n,))


def _padded(t: Any, sizes: list[int]) -> Any:
    """Targets (N, L), of which each row counts up to its size."""
    longest = max(sizes)
    if t.ndim == 1:
        if sum(sizes) != t.shape[0]:
            raise RuntimeError(
                f"Expected tensor to have size {sum(sizes)} at dimension 0, but got size "
                f"{t.shape[0]} for argument #2 'targets' {_WHERE}"
            )
        out = np.zeros((len(sizes), longest), np.int64)
        flat, at = t.tolist(), 0
        for row, size in enumerate(sizes):
            out[row, :size] = flat[at : at + size]
            at += size
        return make_tensor(out.tolist(), dtype=dt.int64).reshape((len(sizes), longest))
    if t.shape[1] < longest:
        raise RuntimeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size "
            f"{t.shape[1]} for argument #2 'targets' {_WHERE}"
        )
    return t[:, :longest]


def _ctc(
    x: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, reduction: str,
    zero_infinity: bool,
) -> Any:  # fmt: skip
    if not x.numel():
        raise RuntimeError("log_probs tensor must not be empty")
    alone = x.ndim == 2
    if alone:
        x, targets = x.unsqueeze(1), targets.unsqueeze(0) if targets.ndim == 1 else targets
    if x.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {x.ndim}-dimensional tensor for argument #1 "
            f"'log_probs' {_WHERE}"
        )
    refused("ctc_loss_cpu", x.dtype, "bich")
    times, n, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    lengths = _lengths("input_lengths", input_lengths, n)
    sizes = _lengths("target_lengths", target_lengths, n)
    longest = max(lengths.tolist())
    if longest > times:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {times}, but got value {longest} "
            f"{_WHERE}"
        )
    t = _padded(targets.detach().long(), sizes.tolist()).to(x.device)
    lengths, sizes = lengths.to(x.device), sizes.to(x.device)
    loss = ctc_(x, t, lengths, sizes, blank=blank, finite=bool(zero_infinity))[0]
    if zero_infinity:
        loss = loss.masked_fill(loss.isinf(), 0)
    if reduction == "mean":
        return (loss / sizes.clamp(min=1).to(loss.dtype)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss.squeeze(0) if alone else loss


@op(
    "nn.functional",
    samples=lambda t: [
        estimated(S(t(6, 2, 4, low=-3, high=-0.5), t.index(2, 2, low=1, high=4), (6, 5), (2, 1))),
        estimated(
            S(
                t(5, 1, 3, low=-2, high=-0.5),
                t.index(1, 1, low=1, high=3),
                (5,),
                (1,),
                reduction="sum",
            )
        ),
    ],
)
def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-log of the probability of label sequences under (T, N, C) or (T, C) log-probabilities.

    The gradient is the one with respect to scores of a log_softmax, as in torch.
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)  # type: ignore[no-any-return]


@op(
    method=False,
    name="ctc_loss",
    samples=lambda t: [
        estimated(S(t(6, 2, 4, low=-3, high=-0.5), t.index(2, 2, low=1, high=4), (6, 5), (2, 1))),
        estimated(S(t(5, 1, 3, low=-2, high=-0.5), t.index(1, 1, low=1, high=3), (5,), (1,), 0, 2)),
    ],
)
def _ctc_plain(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: int = 0, zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-log of the probability of label sequences."""
    named = numbered(reduction)
    return _ctc(log_probs, targets, input_lengths, target_lengths, blank, named, zero_infinity)  # type: ignore[no-any-return]
