"""The ops' own samples as cases: in parts by the hash of the name, and what fails of a check."""

from __future__ import annotations

import warnings
import zlib

from conformance import cases, checks, known

PARTS = 24
APART = {(k.op, k.check) for k in known.KNOWN} | {
    ("stride", "value"),  # torch shows NumPy's strides of an array without elements
}


def declared(part):
    """The cases of one part."""
    every = cases.collect(source="declared")
    return [c for c in every if zlib.crc32(c.name.encode()) % PARTS == part]


def failures(part, table, sides):
    """What fails in a part of the ops of a table of (check, dtype, samples of an op at most)."""
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in declared(part):
            for check in table:
                if (case.name, check[0]) not in APART:
                    wrong += checked(case, *check, sides)
    return wrong


def checked(case, name, dtype, most, sides):
    functions = case.functions(*sides)
    for sample in case.samples(dtype, most, *sides)[:most]:
        contents = case.name not in known.UNINITIALISED
        pair = checks.Pair(sample, functions, *sides, contents)
        if pair.refusal() is not None or name != "value" and not wanted(sample, pair):
            continue
        try:
            getattr(checks, name)(pair)
        except checks.NotProven:
            continue
        except checks.Failed as error:
            yield f"{case.name} {dtype} {name}: {str(error)[:200]}"


def wanted(sample, pair):
    return sample.wants_grad() and pair.has_gradient()
