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
    for args in (("--only", "^no such op$"), ("--dtypes", "float31")):
        assert run(tmp_path, "--source", "declared", *args).returncode == 2


def test_a_run_reports_what_it_checked(tmp_path):
    torch = pytest.importorskip("torch")
    done = run(tmp_path, "--only", "^(exp|add)$", "--json", "r.json", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["oracle"]["version"] == torch.__version__
    assert set(found["ops"]) == {"add", "exp"}
    for check in ("value", "errors", "vjp", "jvp", "double_backward", "vmap", "replay"):
        assert found["ops"]["add"].get(check, {}).get("PASS", 0) or check == "errors"
    assert found["failures"] == []
    assert "PASS: 2 ops, 0 failing" in done.stdout
    assert not (tmp_path / "artifacts").exists()  # a partial run is no evidence for the whole


def test_the_quick_choice_names_ops_that_exist():
    pytest.importorskip("torch")
    from conformance import cases

    found = {c.name for c in cases.collect(quick=True)}
    assert found == set(cases.QUICK)
