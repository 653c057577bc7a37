"""The kernel library's own machinery: tables, distances, source checks, recording, interpreter."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import probe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.triton_kernels.checks import static
from franken.triton_kernels.checks.compare import distance
from franken.triton_kernels.launching import aot, launch, policy
from franken.triton_kernels.launching.policy import Policy

HERE = Path(__file__).parent


def test_interpreter():
    """The interpreter's tests need triton imported in its interpreting form."""
    env = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
               "--rootdir", str(HERE.parents[1]), str(HERE / "interpreted.py")]  # fmt: skip
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "27 passed" in done.stdout


columns = st.sampled_from(["arch>=", "n<=", "dtype", "m>="])
limits = st.one_of(st.just("*"), st.integers(0, 9).map(str))


@given(
    names=st.lists(columns, min_size=1, max_size=4, unique=True),
    rows=st.lists(st.tuples(limits, limits, limits, limits, st.integers(1, 64)), max_size=6),
    facts=st.tuples(*[st.integers(0, 9)] * 4),
)
def test_the_first_rule_that_holds_wins(names, rows, facts):
    text = " ".join(names) + " | BLOCK warps stages\n"
    text += "".join(" ".join(r[: len(names)]) + f" | {r[4]} 4 2\n" for r in rows)
    given_facts = {n.rstrip("<>="): v for n, v in zip(names, facts, strict=False)}

    def holds(row):
        for name, value in zip(names, row, strict=False):
            fact = given_facts[name.rstrip("<>=")]
            if value == "*":
                continue
            if name.endswith("<=") and fact > int(value):
                return False
            if name.endswith(">=") and fact < int(value):
                return False
            if name == "dtype" and fact != int(value):
                return False
        return True

    want = next((r[4] for r in rows if holds(r)), None)
    got = next(
        (r.config.constants["BLOCK"] for r in policy.parse(text) if r.holds(given_facts)), None
    )
    assert got == want


@pytest.mark.parametrize(
    "text",
    ["n<= BLOCK warps stages\n1 2 3 4", "n<= | BLOCK warps stages\n1 | 2 3", "n<= | BLOCK\n1 | 2"],
)
def test_a_table_that_does_not_fit_is_refused(text):
    with pytest.raises(ValueError, match="table"):
        policy.parse(text)


def test_every_table_parses_and_its_last_rule_has_no_limits():
    for path in sorted(policy.TABLES.glob("*.txt")):
        assert policy.rules(path.stem), path
        limits = [c for c in policy.rules(path.stem)[-1].conditions if c[1] != "="]
        assert not limits, f"{path}: the last rule has limits {limits}"


@pytest.mark.parametrize(
    ("got", "want", "ulps"),
    [
        (np.float32([1 + 2.0**-23]), [1.0], 1.0),
        (np.float16([1 + 2.0**-10]), [1.0], 1.0),
        (np.float32([np.nan]), [np.nan], 0.0),
        (np.float32([np.nan]), [1.0], math.inf),
        (np.float32([np.inf]), [1e300], 0.0),
        (np.float32([1.0]), [np.inf], math.inf),
        (np.int64([3]), [3], 0.0),
        (np.int64([3]), [4], math.inf),
        (np.float32([1.0, 2.0]), [1.0], math.inf),
    ],
)
def test_distance(got, want, ulps):
    assert distance(got, np.array(want), 1.0) == ulps


def test_source_check_sees_atomics_and_unmasked_accesses():
    said = "\n".join(static.problems(probe.careless_kernel.fn))
    assert "uses atomic_add" in said and "tl.load without mask" in said
    assert static.problems(probe.copy_kernel.fn) == []
    assert static.problems(probe.dot_kernel.fn) == []


def test_statements_of_a_kernel_are_found():
    _, first = __import__("inspect").getsourcelines(probe.copy_kernel.fn)
    assert static.spans(probe.copy_kernel.fn) == [(first + k, first + k) for k in (3, 4, 5)]


def _record(kernel, *args, **constants):
    recorder = aot.Recorder(Policy(90))
    with launch.using(recorder):
        launch.launch(kernel, (1,), *args, **constants)
    (found,) = recorder.seen.values()
    return found


def test_recorded_launches_are_specialised_as_triton_does():
    x = np.zeros(64, np.float32)
    found = _record(probe.copy_kernel, x, x[1:], 32, EXTRA=0, BLOCK=64)
    assert found.signature["x_ptr"] == "*fp32" and found.signature["n"] == "i32"
    assert found.aligned == (0, 2)
    one = _record(probe.copy_kernel, x, x, 1, EXTRA=0, BLOCK=64)
    assert one.signature["n"] == "constexpr" and one.constants["n"] == 1
    assert _record(probe.copy_kernel, x, x, 2**31, EXTRA=0, BLOCK=64).signature["n"] == "i64"


def test_compilation_reports_resources_and_atomics():
    x = np.zeros(64, np.float32)
    good = aot.compile_launch(_record(probe.copy_kernel, x, x, 64, EXTRA=0, BLOCK=64), 90)
    assert good.registers > 0 and good.local == 0 and good.instructions == ()
    bad = aot.compile_launch(_record(probe.careless_kernel, x, x, 64, BLOCK=64), 90)
    assert {"atom", "red"} & set(bad.instructions)


def test_a_missing_argument_is_named():
    with pytest.raises(TypeError, match="not given: .*'BLOCK'"):
        _record(probe.copy_kernel, np.zeros(1, np.float32), EXTRA=0)


def test_launching_without_a_runner_says_what_to_do():
    with pytest.raises(launch.LaunchError, match="no way to run Triton kernels is set up"):
        launch.launch(probe.copy_kernel, (1,), EXTRA=0, BLOCK=1)


def test_an_empty_grid_launches_nothing():
    launch.launch(probe.copy_kernel, (0,), EXTRA=0, BLOCK=1)


def test_kernel_ids_tell_constants_and_sources_apart():
    def of(kernel, **constants):
        return launch.kernel_id(kernel, constants, 4, 2, {}, {"triton": "3"})

    a, b = of(probe.copy_kernel, BLOCK=8), of(probe.copy_kernel, BLOCK=16)
    assert a != b and a.source == b.source and a.symbol == "copy_kernel"
    assert of(probe.half_kernel, BLOCK=8).source != a.source
    assert str(a).startswith("copy_kernel@") and str(a).endswith("[BLOCK=8]w4s2")
