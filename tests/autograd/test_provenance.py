"""Provenance of gradients, and records that replay to the same bits."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import franken
from franken.autograd import codec
from franken.autograd.record import record
from franken.autograd.replay import replay, strided_copy, ulp_distance
from franken.core.errors import NotProven
from franken.core.primitive import PRIMITIVES

X = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]


def model():
    w = franken.full((3, 2), 0.5, requires_grad=True)
    b = franken.zeros(2, requires_grad=True)
    return w, b


def loss_of(w, b):
    h = (franken.tensor(X) @ w + b).tanh()
    return (h * h).sum()


def step(w, b):
    w.grad = b.grad = None
    loss_of(w, b).backward()
    with franken.no_grad():
        w.sub_(w.grad * 0.1)
        b.add_(b.grad, alpha=-0.1)


# --- provenance ----------------------------------------------------------------------------------


def test_contributions_lead_to_the_loss():
    w, b = model()
    loss_of(w, b).backward()
    (only,) = w.grad.provenance
    assert only.op == "matmul" and only.device == "cpu"
    assert only.position.startswith("test_provenance.py:") and "in loss_of" in only.position
    assert only.kernel["backend"] == "numpy" and len(only.kernel["source_sha256"]) in (7, 64)
    ops = []
    while only is not None:
        ops.append(only.op)
        only = only.sources[0] if only.sources else None
    assert ops == ["matmul", "add", "tanh", "mul", "sum"]


def test_a_reused_leaf_has_several_contributions():
    x = franken.ones(2, requires_grad=True)
    (x * 2 + x.exp()).sum().backward()
    assert sorted(c.op for c in x.grad.provenance) == ["exp", "mul"]


def test_accumulated_passes():
    w, b = model()
    loss_of(w, b).backward()
    loss_of(w, b).backward()
    assert len(w.grad.provenance.passes) == 2 and "backward pass 1" in str(w.grad.provenance)


def test_text_and_json():
    w, b = model()
    loss_of(w, b).backward()
    text = str(b.grad.provenance)
    assert text.splitlines()[0] == "backward pass 0: 1 contribution(s)"
    assert "add at test_provenance.py" in text and "0x" not in text
    data = json.loads(b.grad.provenance.to_json())
    assert data == b.grad.provenance.to_dict()
    assert data["passes"][0][-1]["op"] == "add" and data["schema"] == "franken.provenance/1"


def test_a_custom_function_is_named():
    class Double(franken.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = franken.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert [c.op for c in x.grad.provenance] == ["Double"]


def test_other_tensors_have_none():
    assert franken.ones(1).provenance is None


PROGRAM = """
import franken
w = franken.full((3, 2), 0.5, requires_grad=True)
h = (franken.ones(4, 3) @ w).tanh()
(h * h.exp()).sum().backward()
print(w.grad.provenance.to_json())
"""


def test_the_same_in_every_process():
    texts = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PATH": ""},
        )  # fmt: skip
        texts.add(done.stdout)
    assert len(texts) == 1 and '"op": "matmul"' in texts.pop()


# --- record and replay ---------------------------------------------------------------------------


def recorded(path=None, level=3, **options):
    w, b = model()
    step(w, b)
    with record(path, level, **options) as rec:
        step(w, b)
    return rec


def test_replay_has_the_same_bits():
    rec = recorded()
    report = replay(rec)
    assert report.ok and report.compared >= report.steps == len(rec.steps) > 10
    directions = {s["direction"] for s in rec.steps}
    assert directions == {"forward", "backward"}
    rules = {(s["prim"], s["of"]) for s in rec.steps if s["direction"] == "backward"}
    assert ("matmul", "matmul") in rules


def test_recording_does_not_change_results():
    w, b = model()
    step(w, b)
    step(w, b)
    v, c = model()
    step(v, c)
    with record(level=2):
        step(v, c)
    assert w.numpy(force=True).tobytes() == v.numpy(force=True).tobytes()
    assert w.grad.numpy().tobytes() == v.grad.numpy().tobytes()


def test_two_runs_have_the_same_digests():
    first, second = recorded(level=2), recorded(level=2)
    assert [s["outputs"] for s in first.steps] == [s["outputs"] for s in second.steps]
    with pytest.raises(NotProven, match="digests only"):
        replay(first)


def test_file_in_a_fresh_process(tmp_path):
    path = tmp_path / "step.franken"
    recorded(path)
    done = subprocess.run(
        [sys.executable, "-m", "franken", "replay", str(path), "--json"],
        capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True


def test_first_divergence_is_named():
    rec = recorded()
    tanh = PRIMITIVES["tanh_grad"]
    honest = tanh.cpu
    tanh.cpu = lambda *a, **k: np.nextafter(honest(*a, **k), np.float32(10))
    try:
        report = replay(rec)
    finally:
        tanh.cpu = honest
    assert not report.ok and len(report.divergences) == 2
    first, rule = report.divergences
    assert rule.op == "tanh"  # which called that kernel
    assert (first.op, first.of, first.direction) == ("tanh_grad", "tanh", "backward")
    assert first.difference["max_ulp"] == 1 and "in loss_of" in first.position
    assert "max 1 ULP" in str(report) and str(report).startswith("DIVERGED: 2 of")


def test_without_kept_outputs_the_replay_ends():
    rec = recorded(outputs=False)
    assert replay(rec).ok
    rec.steps[3]["outputs"] = ["0" * 64 + ":1"]
    report = replay(rec)
    assert report.first.step == 3 and report.first.difference is None
    assert "not kept" in str(report)


def test_random_state_is_recorded():
    from franken.backends.numpy.random import twister as rng
    from franken.core.primitive import Primitive

    prim = PRIMITIVES.get("drawn_for_test") or Primitive(
        "drawn_for_test", ("x",), lambda x: x + rng.default_generator.floats(x.size), random=True
    )
    with record(level=3) as rec:
        first = prim(franken.zeros(4))
        second = prim(franken.zeros(4))
    assert first.tolist() != second.tolist() and replay(rec).ok
    state = rng.default_generator.get_state()
    replay(rec)
    assert (rng.default_generator.get_state() == state).all()


def test_layouts_are_rebuilt():
    rec = record(level=3)
    x = franken.arange(12.0).reshape(3, 4)
    with rec:
        x.t() @ x
        x.flip(0).expand(2, 3, 4).sum(0)
        x[:, ::2].t().exp()
    assert replay(rec).ok
    for a in (np.arange(6.0).reshape(2, 3).T, np.arange(6.0)[::-1], np.broadcast_to(1.0, (2, 3))):
        copy = strided_copy(a, [s // 8 for s in a.strides])
        assert copy.strides == a.strides and (copy == a).all()


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [None, 1, -2.5, 1j, "s", b"b", (1, (2,)), [1, None], {"a": (1,), 2: 3}, slice(1, None, 2),
     float("inf"), franken.float32, np.dtype("int8"), franken.device("cpu"), PRIMITIVES["mul"],
     franken.contiguous_format, np.float64(0.5)],
)  # fmt: skip
def test_codec_round_trip(value):
    assert codec.decode(codec.encode(value)) == value


def test_codec_fails_closed():
    with pytest.raises(NotProven):
        codec.encode(object())
    with pytest.raises(NotProven):
        codec.encode(lambda: 0)
    for bad in (
        ["what", 1],
        ["primitive", "none"],
        ["dtype", "x"],
        ["function", ["os", "system"]],
        [1],
    ):
        with pytest.raises(NotProven):
            codec.decode(bad)
    with pytest.raises(NotProven, match="schema"):
        replay({"schema": "other"})


def test_ulp_distance():
    one = np.float32(1.0)
    assert ulp_distance(one, np.nextafter(one, np.float32(2)))[0] == 1
    assert ulp_distance(np.float32(-0.0), np.float32(0.0))[0] == 0
    assert ulp_distance(np.float64(-5e-324), np.float64(5e-324))[0] == 2
    assert ulp_distance(np.complex64(1 + 1j), np.complex64(1 + 1j))[0] == 0
    assert ulp_distance(np.int32(3), np.int32(5))[0] == 2
