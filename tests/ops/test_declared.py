"""Every op beside torch on its own samples: values, derivatives, batching, as far as seconds go.

`python -m conformance differential` does more, with torch's samples too, in minutes.
"""

from __future__ import annotations

import pytest
from declared_cases import PARTS, failures

from conformance import oracle

pytest.importorskip("torch")

# (check, dtype, samples of an op at most)
VALUES = (
    ("value", "float32", 8), ("value", "int64", 2), ("value", "bool", 2), ("vjp", "float64", 8),
)  # fmt: skip
RULES = (("vmap", "float64", 3), ("jvp", "float64", 3), ("double_backward", "float64", 2))


@pytest.mark.parametrize("part", range(PARTS))
def test_values_and_derivatives_are_torchs(part):
    assert failures(part, VALUES, oracle.sides()) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_rules_agree_with_torch(part):
    assert failures(part, RULES, oracle.sides()) == []
