"""Muon beside torch: parameters, gradients and momenta after some steps, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

SHAPES = [(4, 3), (3, 5), (1, 1), (0, 2), (6, 6)]
OPTIONS: list[dict[str, Any]] = [
    {}, {"lr": 0.05}, {"lr": "tensor"}, {"nesterov": False}, {"momentum": 0, "weight_decay": 0},
    {"adjust_lr_fn": "original", "lr": 0.05}, {"adjust_lr_fn": "match_rms_adamw", "lr": 0.05},
    {"ns_steps": 2}, {"ns_steps": -1}, {"ns_coefficients": [2.0, -1.5, 0.5]}, {"eps": 100.0},
    {"weight_decay": 0.5, "lr": 0.1},
]  # fmt: skip


def stepped(lib: Any, options: dict[str, Any], dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)

    def drawn(shape: Any) -> Any:
        return lib.tensor(rng.standard_normal(shape).astype("float32")).to(getattr(lib, dtype))

    params = [lib.nn.Parameter(drawn(shape)) for shape in SHAPES]
    options = {k: lib.tensor(0.05) if v == "tensor" else v for k, v in options.items()}
    made = lib.optim.Muon(params, **options)
    for _ in range(4):
        for p, shape in zip(params, SHAPES, strict=True):
            p.grad = drawn(shape)
        made.step()
    kept = [(p.detach(), p.grad, made.state[p]["momentum_buffer"]) for p in params]
    assert all(t.dtype == getattr(lib, dtype) for three in kept for t in three)
    return [t.to(lib.float64).numpy() for three in kept for t in three]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps(options: dict[str, Any], dtype: str) -> None:
    # Sums of bfloat16 products are rounded to 8 bits, in an order that is the library's own.
    near = 2e-2 if dtype == "bfloat16" else 1e-5
    for ours, theirs in zip(
        stepped(franken, options, dtype), stepped(torch, options, dtype), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=near, atol=near)


def one(lib: Any, *, dtype: str = "float32", sparse: bool = False, **options: Any) -> None:
    p = lib.nn.Parameter(lib.ones(3, 2, dtype=getattr(lib, dtype)))
    p.grad = lib.ones_like(p).detach()
    p.grad = p.grad.to_sparse() if sparse else p.grad
    lib.optim.Muon([p], **options).step()


def added(lib: Any, **options: Any) -> None:
    made = lib.optim.Muon([lib.nn.Parameter(lib.ones(3, 2))], **options)
    made.add_param_group({"params": [lib.nn.Parameter(lib.ones(4))]})
    made.param_groups[1]["params"][0].grad = lib.ones(4)
    made.step()


ERRORS = {
    "rate": lambda lib: one(lib, lr=-1),
    "nan rate": lambda lib: one(lib, lr=float("nan")),
    "tensor rate": lambda lib: one(lib, lr=lib.tensor(-0.1)),
    "rates": lambda lib: one(lib, lr=lib.ones(2)),
    "momentum": lambda lib: one(lib, momentum=-1, weight_decay=-1),
    "decay": lambda lib: one(lib, weight_decay=-1, adjust_lr_fn="x"),
    "adjustment": lambda lib: one(lib, adjust_lr_fn="x"),
    "no adjustment": lambda lib: one(lib, adjust_lr_fn=""),
    "steps": lambda lib: one(lib, ns_steps=100, ns_coefficients=(1,)),
    "coefficients": lambda lib: one(lib, ns_coefficients=(1, 2)),
    "no parameter": lambda lib: lib.optim.Muon([]),
    "vector": lambda lib: lib.optim.Muon([lib.ones(3)]),
    "volume": lambda lib: lib.optim.Muon([lib.ones(2, 2), lib.ones(2, 3, 2)]),
    "added vector": added,
    "added vector and steps": lambda lib: added(lib, ns_steps=100),
    "complex": lambda lib: one(lib, dtype="complex64"),
    "complex and sparse": lambda lib: one(lib, dtype="complex64", sparse=True),
    "sparse": lambda lib: one(lib, sparse=True),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    said = []
    for lib in (franken, torch):
        with pytest.raises((RuntimeError, ValueError)) as caught:
            ERRORS[case](lib)
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]


def test_state_dict_and_repr() -> None:
    made = []
    for lib in (franken, torch):
        p = lib.nn.Parameter(lib.eye(2))
        p.grad = lib.eye(2)
        first = lib.optim.Muon([p], ns_steps=3)
        first.step()
        second = lib.optim.Muon([p])
        second.load_state_dict(first.state_dict())
        saved = second.state_dict()
        made.append((repr(second), saved["param_groups"], saved["state"][0]["momentum_buffer"]))
    assert made[0][:2] == made[1][:2]
    np.testing.assert_array_equal(made[0][2].numpy(), made[1][2].numpy())
