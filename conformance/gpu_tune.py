"""Tune one table on a card: the large samples that ask it, timed under each candidate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from conformance.gpu_bench import TiledMaker
from conformance.gpu_card import Card, deep
from conformance.gpu_checks import faults
from franken.triton_kernels.checks.cases import Case, Op
from franken.triton_kernels.launching import launch as launching
from franken.triton_kernels.launching import policy, tune


def tune_table(card: Card, table: str, ops: list[Op], seed: int) -> str:
    """The text of `tables/<table>.txt` with the fastest configurations for the large samples."""
    made: dict[str, Any] = {}
    samples: list[tune.Facts] = []
    for entry in ops:
        for case in entry.cases():
            if not case.big:
                continue
            with launching.using(_runner(card, case)):
                asked = tune.facts_of(table, _call(card, entry, case, seed))
            for facts in asked:
                if facts not in samples:
                    samples.append(facts)
                    made[str(facts)] = (entry, case)
            card.release()
    if not samples:
        raise LookupError(f"no large sample asks tables/{table}.txt")
    text = (policy.TABLES / f"{table}.txt").read_text()
    return tune.tuned(text, samples, _timer(card, table, made, seed), arch=card.arch, name=table)


def _timer(card: Card, table: str, made: dict[str, Any], seed: int) -> tune.Timer:
    """Milliseconds of a configuration; arguments stay on the card while one sample is timed."""
    kept: dict[str, Callable[[], Any]] = {}

    def time(config: policy.Config, facts: tune.Facts) -> float:
        entry, case = made[str(facts)]
        if str(facts) not in kept:
            kept.clear()
            card.release()
            kept[str(facts)] = _call(card, entry, case, seed)
        try:
            with launching.using(_runner(card, case)), tune.forcing(table, config):
                return card.time(kept[str(facts)])
        except faults():  # blocks too large for the card, or that do not compile
            return math.inf

    return time


def _runner(card: Card, case: Case) -> Any:
    return card.runner(bool(case.keywords.get("tf32", False)))


def _call(card: Card, entry: Op, case: Case, seed: int) -> Callable[[], Any]:
    args, keywords = deep((case.build(TiledMaker(seed)), case.keywords), card.upload)
    return lambda: entry.call(*args, **keywords)
