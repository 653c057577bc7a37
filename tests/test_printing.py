"""Tensors print exactly as torch prints them, over dtypes, shapes, magnitudes and options."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

SHAPES = [(), (1,), (3,), (30,), (2, 3), (5, 17), (2, 3, 4), (0,), (2, 0), (1001,), (40, 30),
          (3, 400), (2, 2, 2, 2), (11, 11, 11)]  # fmt: skip
DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool",
          "complex64",
          "complex128", "float8_e4m3fn", "float8_e5m2"]  # fmt: skip
OPTIONS = [{}, {"precision": 2}, {"sci_mode": True}, {"sci_mode": False}, {"linewidth": 40},
           {"threshold": 5, "edgeitems": 2}, {"profile": "short"}, {"profile": "full"}]  # fmt: skip


def scaled(rng, shape):
    return rng.normal(size=shape) * 10.0 ** rng.integers(-6, 10)


def whole(rng, shape):
    return np.rint(rng.normal(size=shape) * 10.0 ** rng.integers(0, 10))


def spread(rng, shape):
    return rng.normal(size=shape) * 10.0 ** rng.integers(-5, 5, size=shape)


def broken(rng, shape):
    kind = rng.integers(0, 6, size=shape)
    values = np.rint(rng.normal(size=shape) * 5) + rng.choice([0, 0.25])
    return np.choose(np.minimum(kind, 3), [np.nan, np.inf, -np.inf, values])


def sparse(rng, shape):
    return np.where(
        rng.random(shape) < 0.5, 0, rng.normal(size=shape) * 10.0 ** rng.integers(-5, 5)
    )


@pytest.fixture(autouse=True)
def _default_options():
    yield
    torch.set_printoptions(profile="default")
    franken.set_printoptions(profile="default")


def both(values, dtype):
    """The same values as a torch and a franken tensor."""
    theirs = torch.tensor(values).to(getattr(torch, dtype))
    if dtype.startswith(("float8", "bfloat")):
        ours = franken.tensor(theirs.to(torch.float32).numpy()).to(getattr(franken, dtype))
    else:
        ours = franken.tensor(theirs.numpy())
    return ours, theirs


@pytest.mark.parametrize("make", [scaled, whole, spread, broken, sparse])
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(dtype, make):
    rng = np.random.default_rng([DTYPES.index(dtype), len(make.__name__)])
    for shape in SHAPES:
        values = np.asarray(make(rng, shape))
        if dtype.startswith("complex"):
            parts = np.stack([values, np.asarray(make(rng, shape))], -1)
            values = parts.view(np.complex128)[..., 0]
        if "int" in dtype:
            values = np.nan_to_num(values, posinf=7, neginf=-7).clip(-100, 1e9).astype(np.int64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = both(values, dtype)
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("options", OPTIONS)
def test_options(options):
    rng = np.random.default_rng(5)
    torch.set_printoptions(**options)
    franken.set_printoptions(**options)
    for shape in SHAPES:
        for dtype in ("float32", "int64", "complex64"):
            ours, theirs = (
                both(np.asarray(scaled(rng, shape)), dtype)
                if dtype != "complex64"
                else both(np.asarray(scaled(rng, shape) + 1j * scaled(rng, shape)), dtype)
            )
            assert str(ours) == str(theirs)


@pytest.mark.parametrize(
    "text",
    [
        "ones(2, requires_grad=True)", "ones(2, requires_grad=True) * 2",
        "ones(2, 0, dtype=torch.int32)",
        "full((9,), 123456.789, requires_grad=True) * 1", "nn.Parameter(torch.ones(2, 2))",
        "zeros(30, dtype=torch.float64, requires_grad=True) + 1", "tensor(3.5, requires_grad=True)",
        "ones(3, requires_grad=True).sum()", "tensor([], dtype=torch.float64)", "ones(2).bool()",
    ],
)  # fmt: skip
def test_suffixes(text):
    import franken.nn

    ours, theirs = (repr(eval("torch." + text, {"torch": m})) for m in (franken, torch))
    assert ours == theirs


def test_traced_tensors_show_their_level():
    shown = []
    franken.func.vmap(lambda x: (shown.append(repr(x)), x)[1])(franken.ones(2, 3))
    franken.func.grad(lambda x: (shown.append(repr(x)), x.sum())[1])(franken.ones(2))
    assert shown[0].startswith("BatchedTensor(lvl=1, bdim=0, value=")
    assert shown[1].startswith("GradTrackingTensor(lvl=1, value=")
