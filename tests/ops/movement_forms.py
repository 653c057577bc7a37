"""What test_views and test_indexing share: one case checked against torch and against loops.

A case is a function of (module, *tensors) and NumPy arrays; float64 arrays are differentiated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import franken
from franken.transforms.api import jvp, vmap

Case = tuple[Any, tuple[Any, ...]]
_rng = np.random.default_rng(7)


def normal(*shape: int) -> Any:
    """Float64 numbers."""
    return np.asarray(_rng.standard_normal(shape))


def places(high: int, *shape: int) -> Any:
    """Integers below `high`."""
    return np.asarray(_rng.integers(0, high, shape))


def mask(*shape: int) -> Any:
    """Bools."""
    return _rng.random(shape) > 0.5


def _floats(arrays: Any) -> list[int]:
    return [k for k, a in enumerate(arrays) if np.asarray(a).dtype == np.float64]


def _tensor(t: Any, a: Any) -> Any:
    return t.tensor(np.array(a))


def _same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-9, atol=1e-10)


ALL_DTYPES = ("float64", "int64", "bfloat16", "complex64", "bool")


def check_value(case: Case, dtypes: tuple[str, ...] = ALL_DTYPES) -> None:
    """Value, shape, dtype and refusals are torch's, whatever dtype the float64 arrays get."""
    fn, arrays = case
    for dtype in dtypes:
        outs = []
        for t in (torch, franken):
            args = [_tensor(t, a) for a in arrays]
            for k in _floats(arrays):
                args[k] = args[k].to(getattr(t, dtype))
            try:
                out = fn(t, *args)
                back = "complex128" if dtype == "complex64" else "float64"
                outs.append((str(out.dtype), out.to(getattr(t, back)).numpy()))
            except (RuntimeError, NotImplementedError) as error:
                outs.append((type(error).__name__, np.zeros(())))
        assert outs[0][0] == outs[1][0], dtype
        np.testing.assert_allclose(outs[1][1], outs[0][1], rtol=1e-2, atol=1e-2)


def _first_and_second(t: Any, case: Case) -> list[Any]:
    fn, arrays = case
    rng = np.random.default_rng(1)
    floats = _floats(arrays)
    args = [t.tensor(np.array(a), requires_grad=k in floats) for k, a in enumerate(arrays)]
    leaves = [args[k] for k in floats]
    y = fn(t, *args)
    w = t.tensor(rng.standard_normal(tuple(y.shape)), requires_grad=True)
    first = t.autograd.grad((y * y * w).sum(), leaves, create_graph=True)
    total = sum((g * g * t.tensor(rng.standard_normal(tuple(g.shape)))).sum() for g in first)
    second = t.autograd.grad(total, [*leaves, w], allow_unused=True)
    return [*first, *[g for g in second if g is not None]]


def check_gradients(case: Case) -> None:
    """First and second derivatives are torch's."""
    for got, want in zip(
        _first_and_second(franken, case), _first_and_second(torch, case), strict=True
    ):
        _same(got, want)


def check_tangent(case: Case) -> None:
    """Forward mode gives the difference quotient."""
    fn, arrays = case
    rng = np.random.default_rng(2)
    floats = _floats(arrays)
    tangents = [rng.standard_normal(arrays[k].shape) for k in floats]

    def along(step: float) -> Any:
        args = list(arrays)
        for k, d in zip(floats, tangents, strict=True):
            args[k] = arrays[k] + step * d
        return fn(franken, *[_tensor(franken, a) for a in args])

    def restricted(*values: Any) -> Any:
        args = [_tensor(franken, a) for a in arrays]
        for k, v in zip(floats, values, strict=True):
            args[k] = v
        return fn(franken, *args)

    out, tangent = jvp(
        restricted, tuple(_tensor(franken, arrays[k]) for k in floats),
        tuple(_tensor(franken, d) for d in tangents),
    )  # fmt: skip
    _same(out, along(0.0))
    quotient = (along(1e-6).numpy() - along(-1e-6).numpy()) / 2e-6
    np.testing.assert_allclose(tangent.numpy(), quotient, rtol=1e-6, atol=1e-7)


def _batches(arrays: Any, chosen: Any) -> tuple[list[Any], list[Any]]:
    """Three examples of each chosen array along some axis, and the axes."""
    rng = np.random.default_rng(3)
    values, axes = [], []
    for a, pick in zip(arrays, chosen, strict=True):
        a = np.asarray(a)
        if not pick:
            values.append(a)
            axes.append(None)
            continue
        rows = [a if a.dtype != np.float64 else rng.standard_normal(a.shape)] * 1
        rows += [np.roll(a, s, -1) if a.ndim else a for s in (1, 2)]
        axis = int(rng.integers(0, a.ndim + 1))
        values.append(np.stack(rows, axis))
        axes.append(axis)
    return values, axes


def check_vmap(case: Case, changes_first: bool = False) -> None:
    """Mapping over each input alone and over all of them gives what a loop gives.

    A case that changes (a copy of) its first input is refused, as in torch, where only others are
    mapped.
    """
    fn, arrays = case
    n = len(arrays)
    for chosen in {tuple(k == j for k in range(n)) for j in range(n)} | {(True,) * n}:
        values, axes = _batches(arrays, chosen)
        mapped = vmap(lambda *a: fn(franken, *a), in_dims=tuple(axes))
        tensors = [_tensor(franken, v) for v in values]
        if changes_first and not chosen[0]:
            with pytest.raises(RuntimeError, match="vmap: inplace arithmetic"):
                mapped(*tensors)
            continue
        got = mapped(*tensors)
        loop = [
            fn(franken, *[
                _tensor(franken, v if d is None else np.take(v, s, d))
                for v, d in zip(values, axes, strict=True)
            ]).numpy()
            for s in range(3)
        ]  # fmt: skip
        np.testing.assert_allclose(got.numpy(), np.stack(loop), atol=1e-10)


def outcome(t: Any, fn: Any) -> tuple[Any, ...]:
    """What a program of one module gives, as something to compare: values or error."""
    try:
        out = fn(t)
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError) as error:
        return type(error).__name__, str(error).splitlines()[0]
    if hasattr(out, "tolist"):
        return str(out.dtype), tuple(out.shape), out.tolist()
    return str(out), (), None
