"""Settings of the whole test run."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import settings

import franken

# Same examples on every run; and no deadline, because a busy machine is not a fault of the code.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


# --- one program under torch and under franken: what each gives or raises ---


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def outcome(program, lib):
    try:
        return "value", plain(program(lib))
    except (RuntimeError, TypeError, ValueError, IndexError, AssertionError) as error:
        return type(error).__name__, str(error)


def close(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, (float, complex)) or isinstance(b, (float, complex)):
        return a == pytest.approx(b, rel=1e-5, abs=1e-6, nan_ok=True)
    return type(a) is type(b) and a == b


@pytest.fixture
def agree():
    """`agree(program)`: equal values, or the same error type and leading words."""
    torch = pytest.importorskip("torch")

    def check(program, words=5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected, got = outcome(program, torch), outcome(program, franken)
        assert got[0] == expected[0], (expected, got)
        if got[0] == "value":
            assert close(expected[1], got[1]), (expected[1], got[1])
        else:
            assert got[1].split()[:words] == expected[1].split()[:words], (expected, got)
        return got

    return check
