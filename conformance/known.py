"""Known disagreements: ops whose oracle is wrong, or whose result torch leaves open.

Each entry says why, with evidence that anyone can run. An entry that no longer fails is stale and
fails the run, so the table cannot outlive its reasons.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """One disagreement that is not franken's."""

    op: str
    check: str
    words: str  # of the failure: any other failure of the same check still counts
    reason: str


_TIES = "torch leaves the index among equal values open; the sample holds equal integers"

KNOWN: tuple[Known, ...] = (
    Known("kthvalue", "value", "out[1]: ", _TIES),
    Known("topk", "value", "out[1]: ", _TIES),
    Known(
        "matrix_exp", "value", "expected nan",
        "bfloat16: torch overflows to nan where the float64 result, 2384, is representable",
    ),
)  # fmt: skip
