"""A large parameter is stepped on several threads, with the bits of one."""

from __future__ import annotations

import numpy as np
import pytest

import franken as F
from franken.backends.numpy import parallel
from franken.ops.nn import optimize


@pytest.fixture
def threads():
    before = parallel.get_num_threads()
    yield parallel.set_num_threads
    parallel.set_num_threads(before)


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_bits_do_not_depend_on_threads(threads, kind, monkeypatch):
    rng = np.random.default_rng(3)
    size = optimize.SPLIT + 5
    weight, grad = (rng.standard_normal(size, dtype=np.float32) for _ in range(2))
    seen = []
    split = optimize.parallel_for
    monkeypatch.setattr(
        optimize, "parallel_for", lambda n, grain, fn: (seen.append(n), split(n, grain, fn))
    )

    def stepped(count):
        threads(count)
        p = F.nn.Parameter(F.tensor(weight))
        optimizer = getattr(F.optim, kind)([p], lr=0.1)
        for _ in range(2):
            p.grad = F.tensor(grad)
            optimizer.step()
        return p.detach().numpy().tobytes()

    assert stepped(1) == stepped(3)
    assert len(seen) == 4 and min(seen) > 1
