"""Building and running a module under torch and under franken, and what must be equal."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np


def make(lib: Any, spec: Any, draw: np.random.Generator) -> Any:
    if isinstance(spec[0], int):
        return lib.tensor(draw.standard_normal(spec).astype("float32"), requires_grad=True)
    kind, *rest = spec
    if kind == "int":
        return lib.tensor(draw.integers(0, rest[0], rest[1]))
    uniform = draw.random(rest[0]).astype("float32")
    if kind == "sign":
        return lib.tensor(np.where(uniform > 0.5, 1.0, -1.0).astype("float32"))
    values = lib.tensor(uniform * 0.9 + 0.05)
    return values.requires_grad_() if kind == "unit" else values


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [x for v in value for x in leaves(v)]
    return [] if value is None else [value]


def close(mine: Any, theirs: Any) -> None:
    a, b = mine.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype
    largest = float(np.abs(b).max()) if b.size else 0.0
    np.testing.assert_allclose(a, b, rtol=3e-5, atol=3e-6 * max(1.0, largest))


def built(lib: Any, name: str, args: Any, kwargs: Any) -> Any:
    lib.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(lib.nn, name)(*args, **kwargs)


def run(lib: Any, module: Any, name: str, specs: Any) -> Any:
    draw = np.random.default_rng(0)
    inputs = [make(lib, s, draw) for s in specs]
    if name == "KLDivLoss":
        inputs[0] = inputs[0].log_softmax(-1)
        inputs[0].retain_grad()
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outs = [o for o in leaves(module(*inputs))]
    total = 0  # weighted, so that norms' outputs do not cancel
    for o in outs:
        if o.is_floating_point():
            weights = lib.tensor(np.cos(np.arange(o.numel())).astype("float32")).reshape(o.shape)
            total = total + (o * weights).sum() + (o**2).sum()
    if total.requires_grad:
        total.backward()
    return inputs, outs


def same_state(mine: Any, theirs: Any) -> None:
    a, b = mine.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    assert list(a._metadata.items()) == list(b._metadata.items())
    for key in a:
        if (
            type(b[key]).__name__ != "UninitializedParameter"
            and type(b[key]).__name__ != "UninitializedBuffer"
        ):
            np.testing.assert_array_equal(a[key].numpy(), b[key].numpy(), err_msg=key)
