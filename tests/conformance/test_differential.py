"""The command as a user runs it: exit codes, the report, and honesty without the oracle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(tmp_path, *args, path=""):
    environment = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, "-m", "conformance", "differential", *args],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_without_torch_nothing_is_proven(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('not here')")
    done = run(tmp_path, "--only", "^exp$", path=tmp_path)
    assert done.returncode == 3
    assert "NOT PROVEN: torch cannot be imported: not here" in done.stdout
    assert "PASS" not in done.stdout


@pytest.mark.parametrize(
    "args", [("--only", "("), ("--mode", "lax"), ("--samples", "0"), ("--workers", "none")]
)
def test_bad_input_is_2(tmp_path, args):
    assert run(tmp_path, *args).returncode == 2


def test_bad_names_are_2(tmp_path):
    pytest.importorskip("torch")
    assert run(tmp_path, "--source", "declared", "--only", "^no such op$").returncode == 2


def test_a_run_reports_what_it_checked(tmp_path):
    torch = pytest.importorskip("torch")
    done = run(
        tmp_path, "--only", "^(exp|add)$", "--json", "r.json", "--all", "--source", "declared"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["oracle"]["version"] == torch.__version__
    assert set(found["ops"]) == {"add", "exp"}
    for check in ("value", "errors", "vjp", "jvp", "double_backward", "vmap", "replay"):
        assert found["ops"]["add"].get(check, {}).get("PASS", 0) or check == "errors"
    assert found["failures"] == []
    assert "PASS: 2 ops, 0 failing" in done.stdout
    assert not (tmp_path / "artifacts").exists()  # a partial run is no evidence for the whole


@pytest.fixture(scope="module")
def quick():
    pytest.importorskip("torch")
    from conformance import cases

    return cases.collect(quick=True)


def test_the_quick_choice_names_ops_that_exist(quick):
    from conformance import cases

    assert {c.name for c in quick} == set(cases.QUICK)


@pytest.mark.parametrize("name", ["add", "index_select", "logsumexp"])
def test_torchs_own_samples_pass(quick, name):
    import signal

    from conformance import oracle, runner

    case = next(c for c in quick if c.name == name and c.source == "opinfo")
    before = signal.signal(signal.SIGALRM, runner._ring)
    try:
        results = runner.run_case(case, runner.Options(samples=2), *oracle.sides())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert {r.check for r in results if r.verdict == "PASS"} >= {
        "value", "vjp", "jvp", "double_backward", "vmap", "replay",
    }  # fmt: skip
    assert not [r for r in results if r.verdict == "FAIL"]
