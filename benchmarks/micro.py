"""Cost of one small op: franken above the bare NumPy ufunc, and beside torch.

Each round times every variant once, so that load on the machine falls on all alike; the figure is
the median over rounds of the ratio (or difference) within a round.
"""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

NUMBER = 2000


def _time(fn: Callable[[], Any], number: int) -> float:
    return min(timeit.repeat(fn, number=number, repeat=3)) / number * 1e6


def variants(T: Any) -> dict[str, tuple[Callable[[], Any], int]]:
    """The same code for torch and franken: name -> (function, calls a timing)."""
    rng = np.random.default_rng(0)
    xa, ya = rng.random(8, dtype=np.float32), rng.random(8, dtype=np.float32)
    x, y = T.tensor(xa), T.tensor(ya)
    xg, yg = T.tensor(xa, requires_grad=True), T.tensor(ya, requires_grad=True)

    def chain() -> None:
        z = xg
        for _ in range(50):
            z = (z * yg + xg).tanh()
        z.sum().backward()
        xg.grad = yg.grad = None

    return {
        "a + b": (lambda: x + y, NUMBER),
        "a + b, recorded": (lambda: xg + yg, NUMBER),
        "exp(a)": (lambda: T.exp(x), NUMBER),
        "150-op chain with backward": (chain, 20),
    }


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Rows of the micro table, times in microseconds."""
    import torch

    import franken
    from franken.core.op import OPS
    from franken.core.primitive import bind

    torch.set_num_threads(1)
    ours, theirs = variants(franken), variants(torch)
    rng = np.random.default_rng(0)
    a, b = rng.random(8, dtype=np.float32), rng.random(8, dtype=np.float32)
    x, y = franken.tensor(a), franken.tensor(b)
    prim = OPS["add"].prim
    extra = {"numpy": lambda: np.add(a, b), "bind": lambda: bind(prim, (x, y), {})}
    samples: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        samples.setdefault(name, []).append(value)

    for _ in range(rounds):
        base = _time(extra["numpy"], NUMBER)
        note("numpy", base)
        note("bind over numpy", _time(extra["bind"], NUMBER) - base)
        for name, (fn, number) in ours.items():
            mine, other = _time(fn, number), _time(theirs[name][0], number)
            note(f"{name}|franken", mine)
            note(f"{name}|torch", other)
            note(f"{name}|ratio", mine / other)
            if name == "a + b":
                note("face over numpy", mine - base)
    median = {k: statistics.median(v) for k, v in samples.items()}
    rows = {
        "bind over the ufunc": {"us": median["bind over numpy"], "budget_us": 0.4},
        "torch face over the ufunc": {"us": median["face over numpy"], "budget_us": 0.7},
    }
    for name in ours:
        rows[name] = {
            "us": median[f"{name}|franken"], "torch_us": median[f"{name}|torch"],
            "ratio": median[f"{name}|ratio"], "budget_ratio": 1.0,
        }  # fmt: skip
    rows["numpy add, 8 elements"] = {"us": median["numpy"]}
    return rows
