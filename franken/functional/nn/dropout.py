"""Dropout of elements and of whole channels, plain and with self-normalising noise.

Knows shapes of noise, torch's checks and warnings; the noise is drawn by `ops.sampling`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.op import NAMES, inplace_form, op
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S
from franken.ops.elementwise.activation import replaced
from franken.ops.sampling.dropout import dropout_keep, dropout_noise
from franken.ops.sampling.generator import core_of

_ALPHA = 1.7580993408473766  # selu's lowest value, negated (arXiv 1706.02515)


def _refuse_integers(x: Any) -> None:
    if x.dtype.kind <= dt.INTEGER:
        raise RuntimeError(
            f"result type {dt.get_default_dtype().scalar_name} can't be cast to the desired output "
            f"type {x.dtype.scalar_name}"
        )


def _noise(name: str, x: Any, p: float, feature: bool) -> Any:
    """Noise of mean 1 that broadcasts to x: an element each, or a channel each."""
    if feature:
        if x.ndim < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        x = x.new_empty((*x.shape[:2], *(1,) * (x.ndim - 2)))
    _refuse_integers(x)
    refused("bernoulli_scalar_cpu_", x.dtype, "c")
    return dropout_noise(x.detach(), p=float(p), generator=core_of(name, None, x.device))


def _drop(name: str, x: Any, p: float, train: bool, feature: bool, alpha: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0.0 or not train or 0 in x.shape:
        return x  # type: ignore[no-any-return]
    if p == 1.0:
        return x * x.new_zeros(())  # type: ignore[no-any-return]
    noise = _noise(name, x, p, feature)
    if not alpha:
        return x * noise  # type: ignore[no-any-return]
    a = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    kept = noise * (1 - p)
    shift = (kept - 1) * (_ALPHA * a) + _ALPHA * a * p
    return x * (kept * a) + shift  # type: ignore[no-any-return]


_KINDS = {
    "dropout": (False, False), "feature_dropout": (True, False),
    "alpha_dropout": (False, True), "feature_alpha_dropout": (True, True),
}  # fmt: skip


def _declare(name: str, doc: str) -> None:
    feature, alpha = _KINDS[name]

    def drop(input: Tensor, p: float, train: bool) -> Tensor:
        return _drop(name, input, p, train, feature, alpha)

    drop.__name__ = drop.__qualname__ = name
    drop.__doc__ = doc
    op(method=False, samples=lambda t: [S(t(2, 3), 0.5, False), S(t(2, 3), 0.3, True)])(drop)
    NAMES["torch"][name + "_"] = inplace_form(name, drop)


_declare("dropout", "Zero elements with probability p and scale the others by 1 / (1 - p).")
_declare("feature_dropout", "Zero whole channels (dimension 1) with probability p.")
_declare("alpha_dropout", "Dropout that keeps mean 0 and variance 1 (arXiv 1706.02515).")
_declare("feature_alpha_dropout", "alpha_dropout of whole channels (dimension 1).")


@op(
    method=False,
    samples=lambda t: [S(t(3, 4), 0.5, True), S(t.const(3, 4), 0.0, True), S(t(3, 4), 0.5, False)],
    title="NativeDropoutBackward0",
)
def native_dropout(input: Tensor, p: float, train: Any) -> tuple[Tensor, Tensor]:
    """(dropout's result, the mask of what it kept)."""
    x: Any = input
    if train is False:
        return x.clone(), x.new_ones(tuple(x.shape), dtype=dt.bool)
    _refuse_integers(x)
    mask = dropout_keep(x.detach(), p=float(p), generator=core_of("native_dropout", None, x.device))
    return x * mask * (1 / (1 - p) if p < 1 else 0.0), mask


# --- nn.functional --------------------------------------------------------------------------------


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _settled(name: str, x: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    feature, alpha = _KINDS[name]
    return replaced(name, x, inplace, lambda t: _drop(name, t, p, training, feature, alpha))


@op(
    "nn.functional",
    name="dropout",
    samples=lambda t: [
        S(t(3, 4), 0.5, training=False),
        S(t(3, 4), 0.0, training=True),
        S(t(2, 3, 2), 0.3, training=True),
    ],
)
def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero elements with probability p and scale the others by 1 / (1 - p) (arXiv 1207.0580)."""
    _check(p)
    return _settled("dropout", input, p, training, inplace)


@op(
    "nn.functional",
    name="alpha_dropout",
    samples=lambda t: [
        S(t(3, 4), 0.5, training=False),
        S(t(3, 4), 0.0, training=True),
        S(t(2, 3, 2), 0.3, training=True),
    ],
)
def _alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean 0 and variance 1 (arXiv 1706.02515)."""
    _check(p)
    return _settled("alpha_dropout", input, p, training, inplace)


@op(
    "nn.functional",
    name="feature_alpha_dropout",
    samples=lambda t: [
        S(t(3, 4), 0.5, training=False),
        S(t(3, 4), 0.0, training=True),
        S(t(2, 3, 2), 0.3, training=True),
    ],
)
def _feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels (dimension 1)."""
    _check(p)
    return _settled("feature_alpha_dropout", input, p, training, inplace)


def _channels(x: Tensor, p: float, training: bool, inplace: bool, unbatched: bool) -> Tensor:
    """feature_dropout of (N, C, ...), or of (C, ...) if `unbatched`."""
    if not unbatched:
        return _settled("feature_dropout", x, p, training, inplace)
    whole = _settled("feature_dropout", x.unsqueeze(0), p, training, False).squeeze(0)  # type: ignore[attr-defined]
    return replaced("feature_dropout", x, True, lambda t: whole) if inplace else whole


@op("nn.functional", samples=lambda t: [S(t(2, 3, 4), 0.5, training=False), S(t(2, 3, 4), 0.3)])
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L) with probability p."""
    _check(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _channels(input, p, training, inplace, input.ndim == 2)


def _warn_rank(name: str, rank: int, spatial: int) -> None:
    warnings.warn(
        f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
        f"{spatial} spatial dimensions, a channel dimension, and an optional batch dimension (i.e. "
        f"{spatial + 1}D or {spatial + 2}D inputs).",
        stacklevel=4,
    )


@op(
    "nn.functional",
    samples=lambda t: [S(t(2, 3, 4, 2), 0.5, training=False), S(t(2, 3, 4, 2), 0.3)],
)
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of (N, C, H, W) with probability p; (N, C, L) is taken as such."""
    _check(p)
    if input.ndim not in (3, 4):
        _warn_rank("dropout2d", input.ndim, 2)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=3,
        )
    return _channels(input, p, training, inplace, False)


@op(
    "nn.functional",
    samples=lambda t: [S(t(2, 3, 4, 2, 1), 0.5, training=False), S(t(2, 3, 4, 2, 1), 0.3)],
)
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability p."""
    _check(p)
    if input.ndim not in (4, 5):
        _warn_rank("dropout3d", input.ndim, 3)
    return _channels(input, p, training, inplace, input.ndim != 5)
