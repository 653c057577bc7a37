"""Every op beside torch on its own samples: batching, forward mode, second derivatives.

`python -m conformance differential` does more, with torch's samples too, in minutes.
"""

from __future__ import annotations

import pytest
from declared_cases import PARTS, failures

from conformance import oracle

pytest.importorskip("torch")

# (check, dtype, samples of an op at most)
RULES = (("vmap", "float64", 3), ("jvp", "float64", 3), ("double_backward", "float64", 2))


@pytest.mark.parametrize("part", range(PARTS))
def test_rules_agree_with_torch(part):
    assert failures(part, RULES, oracle.sides()) == []
