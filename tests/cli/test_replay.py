"""`franken replay`: its verdicts and exit codes."""

from __future__ import annotations

import json

from click.testing import CliRunner

import franken as torch
from franken.autograd.record import record
from franken.cli import main


def invoke(*args):
    return CliRunner().invoke(main, ["replay", *map(str, args)])


def recorded(path=None, level=3):
    w = torch.ones(3, 2).requires_grad_()
    with record(path, level) as rec:
        (torch.arange(6.0).reshape(2, 3) @ w).tanh().sum().backward()
    return rec


def test_exit_codes(tmp_path):
    good, bad = tmp_path / "a.franken", tmp_path / "b.franken"
    rec = recorded(good)
    done = invoke(good)
    assert done.exit_code == 0 and "all bits equal" in done.output
    assert json.loads(invoke(good, "--json").output)["ok"] is True
    assert invoke(good, "--device", "cpu").exit_code == 0
    rec.steps[0]["outputs"] = ["0" * 64 + ":1"]
    rec.save(bad)
    done = invoke(bad)
    assert done.exit_code == 1 and "DIVERGED" in done.output
    assert invoke(tmp_path / "none").exit_code == 2 and invoke().exit_code == 2
    (tmp_path / "junk").write_bytes(b"junk")
    assert invoke(tmp_path / "junk").exit_code == 2
    recorded(bad, level=2)
    done = invoke(bad)
    assert done.exit_code == 3 and "digests only" in done.output


def test_memory_changed_from_outside_proves_nothing(tmp_path):
    x = torch.ones(3)
    with record(tmp_path / "r", level=3):
        x * 2
        x.numpy()[0] = 5
        x * 3
    done = invoke(tmp_path / "r")
    assert done.exit_code == 3 and done.output.startswith("NOT PROVEN")
    data = json.loads(invoke(tmp_path / "r", "--json").output)
    assert data["ok"] is False and len(data["unseen"]) == 1
