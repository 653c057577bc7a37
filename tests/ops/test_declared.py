"""Every op beside torch on its own samples: values in three dtypes, and first derivatives.

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


@pytest.mark.parametrize("part", range(PARTS))
def test_values_and_derivatives_are_torchs(part):
    assert failures(part, VALUES, oracle.sides()) == []
