"""Every kernel: interpreted against its float64 reference, and compiled ahead of time.

Here a kernel is compiled for one architecture, a variant a branch, the one of the largest blocks;
`python -m conformance kernels --compile sm_80,sm_90,sm_100` compiles every variant.
"""

from __future__ import annotations

import pytest

from conformance import kernel_report, kernels
from conformance.kernel_library import families


@pytest.fixture(scope="module")
def compiling():
    """A process that compiles; one for all families, because importing them takes a second."""
    with kernels.pool(interpret=False) as process:
        yield process


@pytest.fixture(scope="module")
def interpreting():
    with kernels.pool(interpret=True) as process:
        yield process


@pytest.mark.parametrize("family", families())
def test_compiles_without_spills(compiling, family):
    rows = compiling.submit(kernels.compile_branches, family, 90).result()
    assert rows and kernel_report.compile_failures(rows) == []


@pytest.mark.parametrize("family", families())
def test_every_sample_meets_its_reference(interpreting, family):
    """That every statement of every kernel runs is checked by the command without `--only`."""
    rows = interpreting.submit(kernels.interpret_family, family, 0).result()
    assert rows and kernel_report.sample_failures(rows) == []
