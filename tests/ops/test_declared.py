"""Every op beside torch on its own samples: values in three dtypes, and the first derivative.

Batching, forward mode, second derivatives and torch's samples are checked by
`python -m conformance differential`, which takes minutes.
"""

from __future__ import annotations

import warnings
import zlib

import pytest

from conformance import cases, checks, known, oracle

torch = pytest.importorskip("torch")

PARTS = 24
# (check, dtype, samples of an op at most), as in the command
CHECKS = (
    ("value", "float32", 8),
    ("value", "int64", 2),
    ("value", "bool", 2),
    ("vjp", "float64", 8),
)
APART = {(k.op, k.check) for k in known.KNOWN} | {
    ("stride", "value"),  # torch shows NumPy's strides of an array without elements
}


@pytest.fixture(scope="module")
def sides():
    return oracle.sides()


@pytest.fixture(scope="module")
def declared(sides):
    found: list[list[cases.Case]] = [[] for _ in range(PARTS)]
    for case in cases.collect(source="declared"):
        found[zlib.crc32(case.name.encode()) % PARTS].append(case)
    return found


def checked(case, name, dtype, most, sides):
    """What fails of one check, with the sample."""
    functions = case.functions(*sides)
    for sample in case.samples(dtype, most, *sides)[:most]:
        contents = case.name not in known.UNINITIALISED
        pair = checks.Pair(sample, functions, *sides, contents)
        if pair.refusal() is not None or name == "vjp" and not wanted(sample, pair):
            continue
        try:
            getattr(checks, name)(pair)
        except checks.NotProven:
            continue
        except checks.Failed as error:
            yield f"{case.name} {dtype} {name}: {str(error)[:200]}"


def wanted(sample, pair):
    return sample.wants_grad() and pair.has_gradient()


@pytest.mark.parametrize("part", range(PARTS))
def test_values_and_derivatives_are_torchs(part, declared, sides):
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in declared[part]:
            for check in CHECKS:
                if (case.name, check[0]) not in APART:
                    wrong += checked(case, *check, sides)
    assert wrong == []
