"""`python -m conformance gpu` on a card of NumPy memory: what it finds, judges and writes."""

from __future__ import annotations

import itertools
import json
import stat

import numpy as np
import pytest
from click.testing import CliRunner
from numpy_card import NumpyCard

from conformance import gpu, gpu_bench, gpu_card, gpu_checks, gpu_tune
from franken.triton_kernels.checks.cases import OPS, Case, Op
from franken.triton_kernels.launching import arrays, policy

calls = itertools.count()


def twice(x):
    out = arrays.empty(x, x.shape)
    np.multiply(x, 2, out=out)
    return out


def off_by_one_percent(x):
    return twice(x) * np.float32(1.01)


def other_every_time(x):
    return twice(x) + np.float32(1e-7) * (next(calls) % 2)


def left_unwritten(x):
    return arrays.empty(x, x.shape)


def raises(x):
    raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")


def small():
    yield Case("a", lambda m: (m.normal((3, 4)),))
    yield Case("tf32", lambda m: (m.normal((3, 4)),))
    yield Case("large", lambda m: (m.normal((4096, 4096)),), big=True)


def op(call, cases=small, family="softmax", name=None, reference=lambda x: 2 * x):
    return Op(name or call.__name__, family, call, reference, cases, 1.0, 1.0, (), True)


def test_a_right_op_passes_and_is_launched_as_often_as_asked():
    before = next(calls)
    row = gpu_checks.check_op(NumpyCard(), op(twice), 0, launches=5)
    assert row["failures"] == [] and row["samples"] == 2 and row["max_ulps"] == 0.0
    counted = op(lambda x: twice(x + 0 * next(calls)))
    gpu_checks.check_op(NumpyCard(), counted, 0, launches=5)
    assert next(calls) - before - 1 == 2 * (5 + gpu_card.PAIRS)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (off_by_one_percent, "ulps from the reference"),
        (other_every_time, "other bits in launch 2 of 20"),
        (left_unwritten, "other bits in launch 2 of 20"),
        (raises, "RuntimeError: CUDA_ERROR_ILLEGAL_ADDRESS"),
        (lambda x: (x, x), "2 results, the reference gives 1"),
    ],
)
def test_a_wrong_op_is_found(call, said):
    row = gpu_checks.check_op(NumpyCard(), op(call, name="wrong"), 0)
    assert len(row["failures"]) == 2 and said in row["failures"][0]
    assert gpu.problems({"checks": [row]})


def test_bits_that_differ_on_a_stream_are_found():
    card = NumpyCard()

    def call(x):
        return twice(x) + np.float32("wait" not in card.log and ("streams", 4) in card.log)

    row = gpu_checks.check_op(card, op(call, name="racy"), 0, launches=2)
    assert "other bits on one of 4 streams" in row["failures"][0]


def test_a_call_that_must_be_refused_is():
    def cases():
        yield Case("integers", lambda m: (m.integers((3,), 4),), refuses=TypeError)

    def refusing(x):
        raise TypeError("no")

    assert gpu_checks.check_op(NumpyCard(), op(refusing, cases), 0)["failures"] == []
    assert (
        "was to raise TypeError"
        in gpu_checks.check_op(NumpyCard(), op(twice, cases), 0)["failures"][0]
    )


def test_each_array_is_uploaded_once_and_structure_stays():
    seen = []
    x = np.ones(3)
    out = gpu_card.deep({"a": [x, (x, 2)], "b": None}, lambda a: seen.append(a) or a.copy())
    assert len(seen) == 1 and out["a"][0] is out["a"][1][0] and out["b"] is None


def test_large_samples_are_timed_and_judged_by_bandwidth():
    entry = op(twice)
    (row,) = gpu_bench.bench_op(NumpyCard(), entry, {"copy_gbps": 150.0}, 0)
    moved = 2 * 4096 * 4096 * 4
    assert row["bytes"] == moved and row["gbps"] == pytest.approx(moved / 1e6)
    assert row["copy_share"] == pytest.approx(row["gbps"] / 150) and row["met"] is True
    (row,) = gpu_bench.bench_op(NumpyCard(), entry, {"copy_gbps": 160.0}, 0)
    assert row["met"] is False and row["target"] == "85% of copy bandwidth"
    assert "missed 85% of copy bandwidth" in gpu.problems({"bench": [row]})[0]
    (row,) = gpu_bench.bench_op(NumpyCard(), op(twice, family="sort"), {"copy_gbps": 9e9}, 0)
    assert "met" not in row


def test_products_are_judged_by_the_library():
    def cases():
        yield Case("large", lambda m: (m.normal((4096, 4096), "bf16"),) * 2, big=True)
        yield Case("single", lambda m: (m.normal((4096, 4096)),) * 2, big=True)

    clock = iter([4.0, 3.1, 4.0, 2.0])
    entry = op(lambda a, b: a, cases, "matmul", "matmul")
    low, single = gpu_bench.bench_op(
        NumpyCard(milliseconds=lambda: next(clock)), entry, {"copy_gbps": 1.0}, 0
    )
    assert low["library_share"] == pytest.approx(0.775) and low["met"] is True
    assert low["tflops"] == pytest.approx(2 * 4096**3 / 4.0 / 1e9)
    assert single["library_share"] == 0.5 and "met" not in single


def test_an_op_with_a_rival_is_judged_by_it(monkeypatch):
    monkeypatch.setitem(gpu_bench.RIVALS, "adam", lambda t, a, k: lambda: None)
    monkeypatch.setattr(gpu_bench, "on", lambda t: np.asarray)
    clock = iter([2.0, 1.9])
    card = NumpyCard(milliseconds=lambda: next(clock), torch=object())
    (row,) = gpu_bench.bench_op(card, op(twice, name="adam"), {"copy_gbps": 1.0}, 0)
    assert row["torch_ratio"] == pytest.approx(0.95) and row["met"] is False


def test_a_fault_of_a_large_sample_is_a_row():
    rows = gpu_bench.bench_op(NumpyCard(), op(raises), {"copy_gbps": 1.0}, 0)
    assert "ILLEGAL_ADDRESS" in gpu.problems({"bench": rows})[0]


def test_large_arrays_are_repeated_draws():
    maker = gpu_bench.TiledMaker(3)
    x = maker.normal((3, 1 << 20), "bf16")
    assert x.shape == (3, 1 << 20) and (x[0] == x[2]).all() and x[0].astype(float).std() > 0.9
    ids = maker.integers((5,), 7)
    assert ids.dtype == np.int64 and ids.max() < 7
    assert maker.uniform((2, 2)).shape == (2, 2) and maker.bools((4,)).dtype == np.bool_


def test_rivals_and_targets_name_ops_of_the_library():
    gpu.entries(None)
    known = OPS.keys() | {"cross_entropy"}
    assert gpu_bench.TARGETS.keys() <= known and gpu_bench.RIVALS.keys() <= known
    assert set(gpu_bench.MEMORY_BOUND) <= {e.family for e in OPS.values()}


def test_rivals_are_calls_that_torch_takes():
    t = pytest.importorskip("torch")
    q, k = t.randn(1, 4, 5, 8), t.randn(1, 2, 5, 8)
    adam = [[t.ones(3)], [t.ones(3)], [t.zeros(3)], [t.zeros(3)], [], [t.tensor(1.0)], 0.1]
    half = [[t.ones(3, dtype=t.bfloat16)], *adam[1:]]
    ids = t.tensor([0, 2])
    rivals = gpu_bench.RIVALS
    assert t.equal(rivals["softmax"](t, [q], {"log": True})(), t.log_softmax(q, -1))
    assert rivals["layer_norm"](t, [q, t.ones(8).double()], {"axes": 1})().shape == q.shape
    assert rivals["attention"](t, [q, k, k], {"causal": True})().shape == q.shape
    assert rivals["attention"](t, [q, k, k, q], {}) is None
    grads = rivals["attention_backward"](t, [q, q.clone(), k.clone(), k.clone()], {})()
    assert [g.shape for g in grads] == [q.shape, k.shape, k.shape]
    rivals["adam"](t, adam, {"decoupled": True})()
    assert adam[0][0][0] < 1 and rivals["adam"](t, half, {}) is None
    assert rivals["cross_entropy"](t, [t.randn(2, 4), ids], {})().ndim == 0
    assert rivals["index_add"](t, [t.zeros(3, 2), 0, ids, t.ones(2, 2)], {})()[2, 1] == 1


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "FOLDER", tmp_path)
    monkeypatch.setattr(gpu, "entries", lambda only: [op(twice)])
    monkeypatch.setattr(gpu_card, "find", lambda: (NumpyCard(milliseconds=1e-3), ""))

    def run(*options):
        return CliRunner().invoke(gpu.gpu, ["--no-sanitize", *options])

    return run


def test_ceilings_are_a_copy_there_and_back_and_a_product():
    card = NumpyCard(milliseconds=2.0)
    tops = gpu_bench.ceilings(card)
    assert tops["copy_gbps"] == pytest.approx(2**31 / 2.0 / 1e6)
    assert tops["matmul_bf16_tflops"] == pytest.approx(2 * 8192**3 / 2.0 / 1e9)
    assert ("copy", 1 << 30) in card.log


def test_the_command_writes_its_evidence(command, tmp_path, monkeypatch):
    tops = {"copy_gbps": 100.0, "matmul_bf16_tflops": 1.0}
    monkeypatch.setattr(gpu_bench, "ceilings", lambda card: tops)
    done = command("--launches", "2")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "numpy-1-test" / "kernels.json").read_text())
    assert report["card"] == "NumPy 1 (test)" and report["schema"] == "franken.gpu/1"
    assert [r["op"] for r in report["checks"]] == ["twice"]
    assert report["bench"][0]["met"] and report["ceilings"] == tops
    assert "0 failed" in done.output


def test_the_command_fails_when_a_check_does(command, monkeypatch):
    monkeypatch.setattr(gpu, "entries", lambda only: [op(off_by_one_percent)])
    done = command("--part", "checks", "--launches", "1")
    assert done.exit_code == 1 and "FAIL softmax.off_by_one_percent: a: result 0" in done.output


def test_a_part_of_the_ops_is_no_evidence(command, tmp_path):
    assert command("--only", "twice", "--part", "checks").exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_without_a_card_nothing_is_proven(monkeypatch):
    monkeypatch.setattr(gpu_card, "find", lambda: (None, "no NVIDIA driver is loaded"))
    done = CliRunner().invoke(gpu.gpu, [])
    assert done.exit_code == 3 and "gpu: NOT PROVEN: no NVIDIA driver is loaded" in done.output


@pytest.mark.parametrize(
    ("code", "status"), [(0, "clean"), (9, "found errors"), (1, "did not finish")]
)
def test_the_sanitizer_is_heard(tmp_path, code, status):
    tool = tmp_path / "compute-sanitizer"
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\necho Invalid read\nexit {code}\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    said = gpu.sanitized(str(tool))
    assert said["status"] == status
    assert bool(gpu.problems({"sanitizer": said})) == (code != 0)
    args = (tmp_path / "args").read_text()
    assert "--tool memcheck" in args and "--plain-memory" in args and "--no-sanitize" in args


def test_no_sanitizer_is_said_and_fails_nothing():
    said = gpu.sanitized(None)
    assert said["status"] == "NOT PROVEN" and gpu.problems({"sanitizer": said}) == []


def test_a_table_is_tuned_by_the_samples_that_ask_it(monkeypatch, tmp_path):
    (tmp_path / "mine.txt").write_text("n<= | BLOCK warps stages\n10 | 64 4 1\n* | 64 4 1\n")
    monkeypatch.setattr(policy, "TABLES", tmp_path)
    policy.rules.cache_clear()
    chosen = []

    def blocked(x):
        chosen.append(policy.choose("mine", n=x.size).constants["BLOCK"])
        if chosen[-1] > 256:
            raise RuntimeError("out of shared memory")
        return x

    def cases():
        yield Case("large", lambda m: (m.normal((64,)),), big=True)
        yield Case("small", lambda m: (m.normal((2,)),))

    card = NumpyCard(milliseconds=lambda: 1 / chosen[-1])
    try:
        text = gpu_tune.tune_table(card, "mine", [op(blocked, cases)], 0)
        rules = policy.parse(text)
        assert [r.config.constants["BLOCK"] for r in rules] == [64, 256]
        with pytest.raises(LookupError, match="no large sample asks"):
            gpu_tune.tune_table(card, "mine", [op(twice, cases)], 0)
    finally:
        policy.rules.cache_clear()
