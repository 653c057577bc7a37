"""The console script: what the demo claims is measured, and its checks can fail."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import franken as torch
from franken.autograd.record import record
from franken.cli import main, training
from franken.data import load_digits


def invoke(*args: str):
    return CliRunner().invoke(main, list(args))


@pytest.fixture(scope="module")
def short_run():
    result = invoke("demo", "--epochs", "2", "--json")
    return result, json.loads(result.output)


def test_two_trainings_from_one_seed_give_the_same_weights(short_run) -> None:
    _, report = short_run
    assert report["weights_sha256"] == report["weights_sha256_again"]
    assert len(report["weights_sha256"]) == 64


def test_the_recorded_step_replays_in_a_fresh_process(short_run) -> None:
    _, report = short_run
    assert report["replay"]["ok"] and report["replay"]["kernels"] > 20


def test_exit_code_and_verdict_follow_the_accuracy(short_run) -> None:
    result, report = short_run
    assert report["ok"] == (report["accuracy"] >= 0.97)
    assert result.exit_code == (0 if report["ok"] else 1)


def test_provenance_names_the_training_program(short_run) -> None:
    _, report = short_run
    assert "training.py" in report["provenance"] and "cross_entropy" in report["provenance"]


def test_another_seed_gives_other_weights() -> None:
    images, labels = load_digits()
    data = training.tensors(images[:64], labels[:64], "cpu")
    digests = {
        training.weights_digest(training.train(data, seed, 1, "cpu", lambda loss: None)[0])
        for seed in (0, 1)
    }
    assert len(digests) == 2


def test_a_step_equals_torch() -> None:
    real = pytest.importorskip("torch")
    images, labels = load_digits()
    x, y = training.tensors(images[:64], labels[:64], "cpu")
    torch.manual_seed(0)
    model = training.build()
    twin = real.nn.Sequential(
        real.nn.Conv2d(1, 16, 3, padding=1), real.nn.ReLU(),
        real.nn.Conv2d(16, 32, 3, padding=1), real.nn.ReLU(), real.nn.MaxPool2d(2),
        real.nn.Flatten(), real.nn.Linear(512, 64), real.nn.ReLU(), real.nn.Linear(64, 10),
    )  # fmt: skip
    twin.load_state_dict({k: real.tensor(v.numpy()) for k, v in model.state_dict().items()})
    ours, theirs = training.build.__globals__["torch"].optim, real.optim
    a = ours.AdamW(model.parameters(), lr=2e-3)
    b = theirs.AdamW(twin.parameters(), lr=2e-3)
    for _ in range(3):
        loss = training.step(model, a, x, y)
        b.zero_grad()
        other = real.nn.functional.cross_entropy(
            twin(real.tensor(x.numpy())), real.tensor(y.numpy())
        )
        other.backward()
        b.step()
        assert loss == pytest.approx(other.item(), rel=1e-5)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), atol=2e-5)


def test_replay_of_a_changed_record_names_the_divergence(tmp_path) -> None:
    path = tmp_path / "step.ftr"
    with record(level=3) as rec:
        (torch.ones(3) * 2).exp()
    rec.steps[-1]["prim"] = "log"
    rec.save(path)
    result = invoke("replay", str(path))
    assert result.exit_code == 1 and "DIVERGED" in result.output and "log" in result.output


@pytest.mark.parametrize(
    "args", [("demo", "--data", "/nowhere.tes"), ("replay", "/nowhere.ftr"), ("nonsense",)]
)
def test_bad_input_exits_with_2(args) -> None:
    assert invoke(*args).exit_code == 2


def test_an_unreadable_record_is_bad_input(tmp_path) -> None:
    path = tmp_path / "bad.ftr"
    path.write_bytes(b"not a record")
    assert invoke("replay", str(path)).exit_code == 2


def test_an_unusable_device_is_an_error_not_a_fallback() -> None:
    result = invoke("demo", "--device", "cuda:0", "--epochs", "1")
    assert result.exit_code != 0 and result.exception is not None
