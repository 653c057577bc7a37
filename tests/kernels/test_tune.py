"""The offline tuner: the fastest candidate wins, ties by order, and tables stay what they were."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.triton_kernels.launching import policy, tune
from franken.triton_kernels.launching.policy import Config

TABLE = """# Why these columns.
arch>=  n<=  |  BLOCK  warps  stages
90      64   |  128    4      2   # measured
# The rest.
*       64   |  64     4      2
*       *    |  256    8      1
"""
CONFIGS = [Config({"BLOCK": b}, w, 1) for b in (16, 32) for w in (2, 4)]


def test_a_table_is_read_and_written_as_it_stands():
    assert tune.render(tune.read(TABLE)).split() == TABLE.split()
    assert tune.render(tune.read(TABLE)).splitlines()[0] == "# Why these columns."


def test_every_table_of_the_library_survives_a_round_trip():
    for path in sorted(policy.TABLES.glob("*.txt")):
        text = path.read_text()
        assert policy.parse(tune.render(tune.read(text))) == policy.parse(text), path
        comments = [line for line in text.splitlines() if line.startswith("#")]
        kept = tune.render(tune.read(text)).splitlines()
        assert [line for line in kept if line.startswith("#")] == comments


words = st.sampled_from(["*", "7", "64", "4096"])
rows = st.lists(st.tuples(words, words, st.integers(0, 999), st.integers(1, 16)), max_size=6)


@given(rows=rows, comments=st.lists(st.text("ab #|", max_size=8), max_size=6))
def test_any_table_survives_a_round_trip(rows, comments):
    lines = ["n<= m>= | BLOCK warps stages", *[f"{a} {b} | {c} {d} 2" for a, b, c, d in rows]]
    for k, comment in enumerate(comments):
        lines.insert(2 * k, f"#{comment}")
    text = "\n".join(lines)
    again = tune.render(tune.read(text))
    assert policy.parse(again) == policy.parse(text)
    assert tune.render(tune.read(again)) == again


times = st.lists(st.sampled_from([1.0, 2.0, 3.0, math.inf]), min_size=5, max_size=5)


@given(times=times)
def test_the_fastest_candidate_wins_and_the_first_of_equals(times):
    before = policy.parse(TABLE)[2].config
    order = [before, *CONFIGS]
    clock = {str(c): t for c, t in zip(order, times, strict=True)}

    def run():
        sample = {"arch": 80, "n": 1000}
        return tune.tuned(TABLE, [sample], lambda c, facts: clock[str(c)], CONFIGS)

    if min(times) == math.inf:
        with pytest.raises(LookupError, match="no candidate runs"):
            run()
        return
    want = order[times.index(min(times))]
    rules = policy.parse(run())
    assert rules[2].config == want
    assert [r.conditions for r in rules] == [r.conditions for r in policy.parse(TABLE)]
    assert [r.config for r in rules[:2]] == [r.config for r in policy.parse(TABLE)[:2]]


def test_a_rule_for_older_cards_is_kept_below_the_new_one():
    fast = CONFIGS[3]
    samples = [{"arch": 100, "n": 64}, {"arch": 100, "n": 65}]
    got = tune.tuned(TABLE, samples, lambda c, f: 1.0 if c == fast else 2.0, CONFIGS, arch=100)
    rules = policy.parse(got)
    old = policy.parse(TABLE)
    for facts in samples:
        assert next(r for r in rules if r.holds(facts)).config == fast
        older = {**facts, "arch": 90}
        serves = [next(r for r in x if r.holds(older)).config for x in (rules, old)]
        assert serves[0] == serves[1]
    assert not rules[-1].conditions


def test_one_configuration_serves_all_samples_of_a_rule():
    slow_somewhere = {16: (1.0, 9.0), 32: (2.0, 2.0)}

    def time(config, facts):
        return slow_somewhere.get(config.constants["BLOCK"], (5.0, 5.0))[facts["n"] > 500]

    samples = [{"arch": 80, "n": 100}, {"arch": 80, "n": 1000}]
    rules = policy.parse(tune.tuned(TABLE, samples, time, CONFIGS))
    assert rules[2].config.constants["BLOCK"] == 32


def test_a_sample_that_no_rule_serves_is_named():
    with pytest.raises(LookupError, match="no rule for"):
        tune.tuned("n<= | BLOCK warps stages\n1 | 2 4 1", [{"n": 2}], lambda c, f: 1.0)


@given(best=st.tuples(st.sampled_from([32, 64, 128]), st.sampled_from([2, 8]), st.integers(1, 3)))
def test_climbing_follows_a_slope_to_its_foot(best):
    block, warps, stages = best

    def time(config, facts):
        away = abs(math.log2(config.constants["BLOCK"] / block))
        return 1 + away + abs(math.log2(config.warps / warps)) + abs(config.stages - stages)

    got = tune.climb(Config({"BLOCK": 64}, 4, 2), [{"n": 1}], time)
    assert (got.constants["BLOCK"], got.warps, got.stages) == best


def test_what_is_no_size_stays():
    found = tune.neighbours(Config({"PROGRAMS": 132, "PIECES": 1, "SPLIT": 0, "BLOCK": 64}, 4, 2))
    assert {c.constants["PROGRAMS"] for c in found} == {132}
    assert {c.constants["PIECES"] for c in found} == {1}
    assert {c.constants["SPLIT"] for c in found} == {0}
    assert {c.constants["BLOCK"] for c in found} == {32, 64, 128}


def test_forcing_a_configuration_and_reading_facts():
    facts = {"kind": "norm", "n": 10**9}
    usual = policy.choose("multi_tensor", **facts)
    forced = Config({"BLOCK": 1, "STEPS": 1}, 1, 1)
    with tune.forcing("multi_tensor", forced) as asked:
        assert policy.choose("multi_tensor", **facts) == forced
        assert policy.choose("softmax", dtype="fp32", n=8).warps == 4
    assert asked == [facts]
    assert policy.choose("multi_tensor", **facts) == usual

    def call():
        for _ in range(2):
            policy.choose("multi_tensor", **facts)

    assert tune.facts_of("multi_tensor", call) == [facts]
    assert policy.choose("multi_tensor", **facts) == usual


def test_a_written_table_is_what_the_next_choice_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(policy, "TABLES", tmp_path)
    policy.rules.cache_clear()
    try:
        tune.write("mine", "n<= | BLOCK warps stages\n* | 8 4 2\n")
        assert policy.choose("mine", n=1).constants == {"BLOCK": 8}
        tune.write("mine", "n<= | BLOCK warps stages\n* | 16 4 2\n")
        assert policy.choose("mine", n=1).constants == {"BLOCK": 16}
        with pytest.raises(ValueError, match="header"):
            tune.write("mine", "nonsense")
    finally:
        policy.rules.cache_clear()
