"""Every check passes on an honest op and fails on one with the fault it looks for."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import franken
from conformance import checks, compare, oracle, runner
from conformance.cases import Case, Sample
from conformance.known import Known
from conformance.values import Frozen, build, describe, freeze, tensors

OURS, THEIRS = oracle.sides()
torch = THEIRS.module


def frozen(dtype="float64", shape=(2, 3), grad=True, key=0):
    return Frozen(np.linspace(0.2, 1.3, int(np.prod(shape))).reshape(shape), dtype, grad, key)


def pair(ours, theirs, *args, **kwargs):
    return checks.Pair(Sample(args or (frozen(),), kwargs), (ours, theirs), OURS, THEIRS)


def tape_hidden(f):
    return lambda x: f(x.detach()) + x * 0


def jittery(x):
    jittery.calls += 1
    return x * (1 + jittery.calls * 1e-15)


jittery.calls = 0


class WrongSecond(franken.autograd.Function):
    """x**3 with a right first derivative that forgets its own history."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x * x * 3).detach()


# (check, torch's function, franken's own, franken with a fault, the words of the failure)
FAULTS = [
    ("value", torch.sin, franken.sin, franken.cos, "differ"),
    ("value", torch.sin, franken.sin, lambda x: franken.sin(x).float(), "dtype float32"),
    ("value", torch.sin, franken.sin, lambda x: franken.sin(x)[None], "shape"),
    ("value", torch.sin, franken.sin, lambda x: (franken.sin(x),) * 2, "2 outputs"),
    ("value", torch.sin, franken.sin, lambda x: 1.0, "expected a tensor"),
    ("value", torch.sin, franken.sin, lambda x: x.no_such_thing, "AttributeError"),
    ("vjp", torch.exp, franken.exp, tape_hidden(franken.exp), "differ"),
    ("vjp", torch.exp, franken.exp, lambda x: franken.exp(x).detach(), "no differentiable output"),
    ("jvp", torch.exp, franken.exp, tape_hidden(franken.exp), "differ"),
    ("double_backward", lambda x: x * x * x, lambda x: x * x * x, WrongSecond.apply, "differ"),
    ("replay", torch.sin, franken.sin, jittery, "bits"),
]


@pytest.mark.parametrize(("check", "theirs", "right", "wrong", "words"), FAULTS)
def test_a_check_passes_and_fails(check, theirs, right, wrong, words):
    run = getattr(checks, check)
    run(pair(right, theirs))
    with pytest.raises(checks.Failed, match=words):
        run(pair(wrong, theirs))


def test_vmap_fails_on_an_op_that_sees_the_batch():
    checks.vmap(pair(lambda x: x - x.sum(), lambda x: x - x.sum()))
    seen = []

    def wrong(x):  # differs when traced, as a wrong batching rule does
        seen.append(type(x).__name__)
        return x + ("Batch" in seen[-1])

    with pytest.raises(checks.Failed, match="differ"):
        checks.vmap(pair(wrong, torch.sin))
    assert any("Batch" in s for s in seen)


@pytest.mark.parametrize("check", ["vjp", "jvp", "double_backward"])
def test_finite_differences_stand_in_for_an_oracle(check):
    run = getattr(checks, check)
    run(pair(lambda x: x * x * x, None))
    wrong = WrongSecond.apply if check == "double_backward" else tape_hidden(lambda x: x * x * x)
    with pytest.raises(checks.Failed, match="finite differences|jvp:"):
        run(pair(wrong, None))


def refuse(kind):
    def fn(x):
        raise kind("no")

    return fn


def test_errors_must_be_of_the_oracles_type():
    def run(ours):
        sample = Sample((frozen(),), {}, None, (IndexError,))
        checks.errors(checks.Pair(sample, (ours, refuse(IndexError)), OURS, THEIRS))

    run(refuse(IndexError))
    with pytest.raises(checks.Failed, match="expected"):
        run(refuse(ValueError))
    with pytest.raises(checks.Failed, match="no exception"):
        run(franken.sin)


def test_not_written_yet_is_not_the_expected_error():
    sample = Sample((frozen(),), {}, None, (RuntimeError,))
    fns = (refuse(NotImplementedError), refuse(RuntimeError))
    with pytest.raises(checks.Failed):
        checks.errors(checks.Pair(sample, fns, OURS, THEIRS))


@pytest.mark.parametrize("check", ["value", "vjp", "double_backward"])
def test_an_oracle_that_refuses_proves_nothing(check):
    with pytest.raises(checks.NotProven):
        getattr(checks, check)(pair(franken.sin, refuse(RuntimeError)))


def test_the_referee_admits_rounding_but_no_fault():
    def result(value):
        return franken.tensor([value], dtype=franken.float32)

    want = torch.tensor([1.0])

    def precise():
        return torch.tensor([1.5], dtype=torch.float64)

    compare.same(result(2.0), want, OURS, THEIRS, precise=precise)
    with pytest.raises(compare.Differs):
        compare.same(result(4.0), want, OURS, THEIRS, precise=precise)


def test_freezing_round_trip_keeps_identity_and_strides():
    x = torch.arange(6.0).reshape(2, 3).t().requires_grad_(True)
    tree = freeze({"a": [x, x], "d": torch.int64, "s": slice(0, 2)}, THEIRS, {}, True)
    assert len(list(tensors(tree))) == 1
    back = build(tree, OURS, {}, True)
    assert back["a"][0] is back["a"][1]
    assert back["a"][0].stride() == tuple(x.stride())
    assert back["a"][0].tolist() == x.tolist()
    assert back["d"] is franken.int64
    assert describe(tree).startswith("a=(float32[3, 2]")


OPTIONS = runner.Options(workers=1, sample_timeout=0.3)


class FakeCase(Case):
    def functions(self, ours, theirs):
        return self.what

    def samples(self, dtype, count, ours, theirs):
        return [Sample((frozen(dtype),), {})] if dtype == "float32" else []

    def error_samples(self, theirs):
        return []


def hang(x):
    while True:
        pass


def sleep(x):
    import time

    time.sleep(3600)


def die(x):
    import os

    os._exit(7)


@pytest.mark.parametrize(
    ("ours", "verdict", "words"),
    [
        (franken.sin, "PASS", ""),
        (franken.cos, "FAIL", "differ"),
        (hang, "FAIL", "longer than 0.3 s"),
        (die, "FAIL", "ended with code 7"),
        (None, "FAIL", "franken has no"),
    ],
)
def test_the_runner_survives(ours, verdict, words):
    cases = [FakeCase("it", "x", (ours, torch.sin)), FakeCase("ok", "x", (franken.sin, torch.sin))]
    done = []
    results = runner.run(cases, OPTIONS, OURS, THEIRS, lambda: done.append(1))
    first = next(r for r in results if r.op == "it")
    assert first.verdict == verdict
    assert words in first.reason
    assert [r.verdict for r in results if r.op == "ok"] == ["PASS"]
    assert len(done) == 2


def test_a_process_that_waits_for_ever_is_ended():
    cases = [FakeCase("it", "x", (sleep, torch.sin))]
    options = OPTIONS._replace(op_timeout=0.5)
    (found,) = runner.run(cases, options, OURS, THEIRS, lambda: None)
    assert (found.verdict, found.reason) == ("FAIL", "longer than 0.5 s")


def test_a_deadline_gives_not_proven():
    cases = [FakeCase("it", "x", (hang, torch.sin))]
    results = runner.run(cases, OPTIONS._replace(deadline=0.1), OURS, THEIRS, lambda: None)
    assert [(r.verdict, r.reason) for r in results] == [("NOT PROVEN", "out of time")]


def test_known_entries_go_stale(monkeypatch):
    bad = runner.Result("a", "x", "value", "float32", "FAIL", "differs")
    good = bad._replace(op="b", verdict="PASS", reason="")
    known = (*(Known(op, "value", "differs", "why") for op in "abc"),)
    monkeypatch.setattr(runner, "KNOWN", known)
    other = bad._replace(reason="another fault")
    marked, stale = runner.apply_known([bad, good, other])
    assert [r.verdict for r in marked] == ["KNOWN", "PASS", "FAIL"]
    assert stale == ["b value"]  # c did not run


def test_several_entries_of_one_check_are_told_apart_by_their_words():
    bad = runner.Result("a", "declared", "out", "stepped", "FAIL", "out: strides (1,), expected")
    known = [Known("a", "out", words, "why", declared=True) for words in ("strides (", "shape (")]
    marked, stale = runner.apply_known([bad], tuple(known))
    assert [r.verdict for r in marked] == ["KNOWN"]
    assert stale == ["a out"]  # the entry of shapes


def test_exit_codes():
    from conformance import report

    good = runner.Result("a", "x", "value", "float32", "PASS")
    bad, unknown = good._replace(verdict="FAIL"), good._replace(verdict="NOT PROVEN")
    cut = unknown._replace(reason="out of time")
    assert report.exit_code([good, unknown], []) == 0
    assert report.exit_code([good, bad], []) == 1
    assert report.exit_code([good], ["a value"]) == 1
    assert report.exit_code([unknown], []) == 3
    assert report.exit_code([good, cut], []) == 3
    assert report.summary([good], []).startswith("PASS")
    assert report.summary([unknown], []).startswith("NOT PROVEN")
