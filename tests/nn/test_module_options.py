"""Each option of each module changed by itself: repr, state, output and gradients are torch's."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from module_runs import built, close, run
from module_table import CASES

import franken

torch = pytest.importorskip("torch")

WORDS = {
    "reduction": ("none", "sum", "mean", "middle"),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "nonlinearity": ("relu", "tanh", "odd"),
    "approximate": ("none", "tanh", "odd"),
}
LEFT = {"device", "dtype", "size_average", "reduce", "_weight", "_freeze", "batch_first"}


def changed(name: str, default: Any) -> tuple[Any, ...]:
    """Other values for an option."""
    if name in WORDS:
        return WORDS[name]
    if isinstance(default, bool):
        return (not default,)
    if isinstance(default, float):
        return (default * 1.5 + 0.125, -default)
    return ()


def variants(name: str, args: Any, kwargs: Any) -> list[dict[str, Any]]:
    parameters = list(inspect.signature(getattr(torch.nn, name).__init__).parameters.values())[1:]
    free = [p for p in parameters[len(args) :] if p.name not in kwargs and p.name not in LEFT]
    return [{**kwargs, p.name: v} for p in free for v in changed(p.name, p.default)]


def outcome(lib: Any, name: str, args: Any, kwargs: Any, specs: Any) -> Any:
    """(module, inputs, outputs), or the type and words of the error."""
    try:
        module = built(lib, name, args, kwargs)
        return (module, *run(lib, module, name, specs)) if specs else (module, [], [])
    except (RuntimeError, ValueError, TypeError, AssertionError, KeyError) as error:
        return type(error).__name__, str(error).partition("\n")[0]


def same(mine: Any, theirs: Any) -> None:
    if isinstance(theirs[0], str) or isinstance(mine[0], str):
        assert mine == theirs
        return
    assert repr(mine[0]) == repr(theirs[0])
    states = (made[0].state_dict() for made in (mine, theirs))
    for (key, a), (other, b) in zip(*(s.items() for s in states), strict=True):
        assert key == other
        if not type(b).__name__.startswith("Uninitialized"):
            close(a, b)
    for a, b in zip(mine[2], theirs[2], strict=True):
        close(a, b)
    own = type(mine[0]).__name__ == "CrossMapLRN2d"  # torch's is not the forward's derivative
    for a, b in () if own else zip(mine[1], theirs[1], strict=True):
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            close(a.grad, b.grad)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "specs"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_options_one_at_a_time(name: str, args: Any, kwargs: Any, specs: Any) -> None:
    for options in variants(name, args, kwargs):
        mine, theirs = (outcome(lib, name, args, options, specs) for lib in (franken, torch))
        try:
            same(mine, theirs)
        except AssertionError as error:
            raise AssertionError(f"{options}: {error}") from error


def test_options_are_found() -> None:
    assert variants("MaxPool1d", (2,), {}) == [{"return_indices": True}, {"ceil_mode": True}]
    found = variants("TripletMarginLoss", (), {})
    assert {"swap": True} in found and {"reduction": "sum"} in found and {"p": 3.125} in found
