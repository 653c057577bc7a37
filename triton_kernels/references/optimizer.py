"""What one step of each optimizer is, in float64 NumPy, from torch.optim's documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Arrays = Sequence[np.ndarray]


def _skipped(found: np.ndarray | None) -> bool:
    return found is not None and found.item() != 0


def _rate(lr: Any) -> float:
    return float(np.asarray(lr).item())


def _unscaled(grads: Arrays, scale: np.ndarray | None, found: np.ndarray | None) -> list[Any]:
    """Gradients after the scale is divided out; as they are where the step is left out."""
    if scale is None or _skipped(found):
        return list(grads)
    return [g / scale.item() for g in grads]


def _with_grads(out: list[Any], grads: list[Any], scale: np.ndarray | None) -> tuple[Any, ...]:
    return tuple([x for row in out for x in row] + (grads if scale is not None else []))


def sgd_reference(
    params: Arrays, grads: Arrays, buffers: Arrays, lr: Any, scale: Any = None, found: Any = None,
    *, weight_decay: float = 0.0, momentum: float = 0.0, dampening: float = 0.0,
    nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Parameters, momentum buffers, and gradients if unscaled, after one step of SGD."""
    true = _unscaled(grads, scale, found)
    if _skipped(found):
        return _with_grads([list(params), list(buffers)], true, scale)
    d = [(-g if maximize else g) + weight_decay * p for p, g in zip(params, true, strict=True)]
    if not momentum:
        return _with_grads(
            [[p - _rate(lr) * g for p, g in zip(params, d, strict=True)]], true, scale
        )
    if first:
        new = list(d)
    else:
        new = [momentum * b + (1 - dampening) * g for b, g in zip(buffers, d, strict=True)]
    step = [g + momentum * b for g, b in zip(d, new, strict=True)] if nesterov else new
    return _with_grads(
        [[p - _rate(lr) * s for p, s in zip(params, step, strict=True)], new], true, scale
    )


def adam_reference(
    params: Arrays, grads: Arrays, means: Arrays, squares: Arrays, tops: Arrays, steps: Arrays,
    lr: Any, scale: Any = None, found: Any = None, *, betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False, maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Parameters, averages, maxima, step counts (and gradients) after one step of Adam."""
    true, rate = _unscaled(grads, scale, found), _rate(lr)
    out: list[list[Any]] = [[], [], [], [], []]
    for k, (p, g, m, v, t) in enumerate(zip(params, true, means, squares, steps, strict=True)):
        top = [tops[k]] if len(tops) else []
        if not _skipped(found):
            t = t + 1
            d = -g if maximize else g
            p, d = (p * (1 - rate * weight_decay), d) if decoupled else (p, d + weight_decay * p)
            m = betas[0] * m + (1 - betas[0]) * d
            v = betas[1] * v + (1 - betas[1]) * d**2
            top = [np.maximum(x, v) for x in top]
            hat = (top or [v])[0] / (1 - betas[1] ** t)
            p = p - rate * (m / (1 - betas[0] ** t)) / (np.sqrt(hat) + eps)
        for row, new in zip(out, ([p], [m], [v], top, [t]), strict=True):
            row += new
    return _with_grads(out, true, scale)


def adagrad_reference(
    params: Arrays, grads: Arrays, sums: Arrays, steps: Arrays, lr: Any, scale: Any = None,
    found: Any = None, *, lr_decay: float = 0.0, weight_decay: float = 0.0, eps: float = 1e-10,
    maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Parameters, sums of squares, step counts (and gradients) after one step of Adagrad."""
    true = _unscaled(grads, scale, found)
    out: list[list[Any]] = [[], [], []]
    for p, g, s, t in zip(params, true, sums, steps, strict=True):
        if not _skipped(found):
            t = t + 1
            d = (-g if maximize else g) + weight_decay * p
            s = s + d**2
            p = p - _rate(lr) / (1 + (t - 1) * lr_decay) * d / (np.sqrt(s) + eps)
        for row, new in zip(out, (p, s, t), strict=True):
            row.append(new)
    return _with_grads(out, true, scale)


def rmsprop_reference(
    params: Arrays, grads: Arrays, squares: Arrays, buffers: Arrays, means: Arrays, lr: Any,
    scale: Any = None, found: Any = None, *, alpha: float = 0.99, eps: float = 1e-8,
    weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
    maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Parameters and states (and gradients) after one step of RMSprop."""
    true = _unscaled(grads, scale, found)
    out: list[list[Any]] = [[], [], [], []]
    for k, (p, g, s) in enumerate(zip(params, true, squares, strict=True)):
        b = [buffers[k]] if momentum else []
        m = [means[k]] if centered else []
        if not _skipped(found):
            d = (-g if maximize else g) + weight_decay * p
            s = alpha * s + (1 - alpha) * d**2
            m = [alpha * x + (1 - alpha) * d for x in m]
            step = d / (np.sqrt(s - sum(x**2 for x in m)) + eps)
            b = [momentum * x + step for x in b]
            p = p - _rate(lr) * (b or [step])[0]
        for row, new in zip(out, ([p], [s], b, m), strict=True):
            row += new
    return _with_grads(out, true, scale)


def lion_reference(
    params: Arrays, grads: Arrays, means: Arrays, lr: Any, scale: Any = None, found: Any = None,
    *, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0, maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Parameters and averages (and gradients) after one step of Lion."""
    true = _unscaled(grads, scale, found)
    out: list[list[Any]] = [[], []]
    for p, g, m in zip(params, true, means, strict=True):
        if not _skipped(found):
            d = -g if maximize else g
            step = np.sign(betas[0] * m + (1 - betas[0]) * d) + weight_decay * p
            p, m = p - _rate(lr) * step, betas[1] * m + (1 - betas[1]) * d
        out[0].append(p)
        out[1].append(m)
    return _with_grads(out, true, scale)
