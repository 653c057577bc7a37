"""Protect, repair and rotation are killed at random instants, and lose nothing."""

from __future__ import annotations

from benchmarks.durability_kills import run


def test_kills_lose_no_good_file() -> None:
    outcomes = run(6, seed=1)
    assert [sum(counts.values()) for counts in outcomes.values()] == [2, 2, 2]
