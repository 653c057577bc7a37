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
    reason: str


KNOWN: tuple[Known, ...] = ()
