"""Whole training steps beside torch: one process a library and round, rounds alternating."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BUDGETS = {"mlp_tiny_sgd": 1.2, "mlp_mnist_adam": 1.2, "cnn_small": 2.5}


def _net(T: Any, sizes: list[int]) -> Any:
    layers: list[Any] = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers.append(T.nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append(T.nn.ReLU())
    return T.nn.Sequential(*layers)


def _step(T: Any, net: Any, optimizer: Any, x: Any, y: Any) -> Callable[[], Any]:
    lossf = T.nn.CrossEntropyLoss()

    def step() -> Any:
        optimizer.zero_grad()
        loss = lossf(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp_tiny_sgd(T: Any) -> Callable[[], Any]:
    """16-32-32-4, batch 8, SGD with momentum: pure overhead."""
    net = _net(T, [16, 32, 32, 4])
    x, y = _data(T, (8, 16), 4)
    return _step(T, net, T.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), x, y)


def mlp_mnist_adam(T: Any) -> Callable[[], Any]:
    """784-256-128-10, batch 64, Adam."""
    net = _net(T, [784, 256, 128, 10])
    x, y = _data(T, (64, 784), 10)
    return _step(T, net, T.optim.Adam(net.parameters(), lr=1e-3), x, y)


def cnn_small(T: Any) -> Callable[[], Any]:
    """Two convolutions with batch norm and pooling on 32 x 32 images, batch 32."""
    nn = T.nn
    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 8 * 8, 10),
    )  # fmt: skip
    x, y = _data(T, (32, 3, 32, 32), 10)
    return _step(T, net, T.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), x, y)


WORKLOADS = {f.__name__: f for f in (mlp_tiny_sgd, mlp_mnist_adam, cnn_small)}


def _data(T: Any, shape: tuple[int, ...], classes: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = T.tensor(rng.random(shape, dtype=np.float32))
    return x, T.tensor(rng.integers(0, classes, shape[0]))


def child(library: str, name: str) -> None:
    """Time one workload in this process; prints the median step in microseconds."""
    T = __import__(library)
    T.manual_seed(0)
    step = WORKLOADS[name](T)
    for _ in range(5):
        step()
    times, total = [], 0.0
    while total < 0.8 or len(times) < 5:
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
        total += times[-1]
    print(json.dumps(statistics.median(times) * 1e6))


def _run(library: str, name: str) -> float:
    command = [sys.executable, "-m", "benchmarks", "--child", library, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Rows of the step table."""
    rows = {}
    for name in WORKLOADS:
        pairs = [(_run("torch", name), _run("franken", name)) for _ in range(rounds)]
        rows[name] = {
            "us": statistics.median(f for _, f in pairs),
            "torch_us": statistics.median(t for t, _ in pairs),
            "ratio": statistics.median(f / t for t, f in pairs), "budget_ratio": BUDGETS[name],
        }  # fmt: skip
    return rows


_IMPORT = """
import sys, time
began = time.perf_counter()
__import__(sys.argv[1])
took = time.perf_counter() - began
with open("/proc/self/status") as status:  # ru_maxrss would count the parent before exec
    peak = next(line for line in status if line.startswith("VmHWM"))
print(took, int(peak.split()[1]) / 1024)
"""


def _import(module: str) -> tuple[float, float]:
    """(seconds, peak MiB) of importing a module in a fresh process."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, module],
        capture_output=True, text=True, check=True, env=env,
    )  # fmt: skip
    took, peak = done.stdout.split()
    return float(took), float(peak)


def measure_import(rounds: int) -> dict[str, dict[str, float]]:
    """Import time beside NumPy's, and resident memory, of fresh processes in turn.

    Three times as many rounds as elsewhere, since one takes a tenth of a second. Bytecode is cached
    first, as an installation leaves it.
    """
    _import("franken")
    pairs = [(_import("numpy"), _import("franken")) for _ in range(3 * rounds)]
    numpy = statistics.median(n[0] for n, _ in pairs)
    franken = statistics.median(f[0] for _, f in pairs)
    return {
        "import franken, ratio to numpy": {
            "s": franken, "numpy_s": numpy, "ratio": franken / numpy, "budget_ratio": 1.8,
        },
        "resident after import": {"mb": min(f[1] for _, f in pairs), "budget_mb": 60.0},
    }  # fmt: skip
