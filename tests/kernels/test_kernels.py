"""Every kernel: interpreted against its float64 reference, and compiled ahead of time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.kernels import families

ROOT = Path(__file__).resolve().parents[2]


def _check(*options):
    command = [sys.executable, "-m", "conformance", "kernels", "--workers", "1", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


# Minutes each to compile: `python -m conformance kernels --compile` does it, these tests do not.
TOO_LONG = {"attention", "attention_backward", "sort"}


@pytest.mark.parametrize("family", sorted(set(families()) - TOO_LONG))
def test_compiles_without_spills(family):
    assert "0 failed" in _check("--compile", "sm_90", "--only", f"^{family}[.]")


@pytest.mark.parametrize("family", families())
def test_every_sample_meets_its_reference(family):
    """That every line of every kernel runs is checked by the command without `--only`."""
    out = _check("--interpret", "--only", f"^{family}[.]")
    assert ", 0 failed" in out
