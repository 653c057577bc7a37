"""`python -m conformance layouts`: exit codes, honesty, and a sample that holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
# One or two of each layout that an op may declare, and of each room.
SAMPLE = (
    "add", "argmax", "cat", "clone", "exp", "flip", "gather", "nn.functional.avg_pool2d",
    "nn.functional.gelu", "sort", "sum", "tril", "linalg.inv",
)  # fmt: skip


def run(tmp_path, *args, path=""):
    environment = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, "-m", "conformance", "layouts", *args],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_without_torch_nothing_is_proven(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('not here')")
    done = run(tmp_path, "--only", "^exp$", path=tmp_path)
    assert done.returncode == 3
    assert "NOT PROVEN: torch cannot be imported: not here" in done.stdout


@pytest.mark.parametrize("args", [("--only", "("), ("--samples", "0")])
def test_bad_input_is_2(tmp_path, args):
    assert run(tmp_path, *args).returncode == 2


def test_a_run_reports_families(tmp_path):
    pytest.importorskip("torch")
    done = run(tmp_path, "--only", "^exp$", "--json", "r.json", "--source", "declared")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "r.json").read_text())
    assert set(found["ops"]["exp"]) == {"function", "method", "out", "gradient"}
    assert found["failures"] == []
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize("name", SAMPLE)
def test_strides_are_torchs(name):
    pytest.importorskip("torch")
    import signal

    from conformance import cases, layout_checks, oracle, runner

    case = next(c for c in cases.collect(f"^{name}$", source="declared") if c.name == name)
    before = signal.signal(signal.SIGALRM, runner._ring)
    try:
        options = runner.Options(samples=2, sample_timeout=60.0)
        results = layout_checks.run_case(case, options, *oracle.sides())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert results
    assert [r.reason for r in results if r.verdict == "FAIL"] == []


def test_a_wrong_layout_is_found():
    torch = pytest.importorskip("torch")
    import franken
    from conformance import compare, layout_checks, oracle

    ours, theirs = oracle.sides()
    with pytest.raises(compare.Differs, match=r"strides \(1, 2\), expected \(3, 1\)"):
        layout_checks.same_layout(franken.zeros(3, 2).t(), torch.zeros(2, 3), ours, theirs)


def test_each_layout_shows_the_samples_values():
    from conformance import layout_cases
    from conformance.values import Frozen

    a = np.arange(24.0).reshape(2, 3, 4)
    for name, lay in layout_cases.LAYOUTS.items():
        f = lay(Frozen(a, "float64", False, 0))
        shape, steps, start = f.strided
        shown = np.lib.stride_tricks.as_strided(
            f.array[start:], shape, [s * f.array.itemsize for s in steps]
        )
        if "expanded" not in name:
            np.testing.assert_array_equal(shown, a, name)
