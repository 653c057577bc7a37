"""The scalar expression of an op says what its kernel computes.

Each is read by the kernel library's own translation, once as NumPy code and once as Triton code.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import franken  # noqa: F401  the declarations
from conformance.kernels import pool
from franken.core.primitive import PRIMITIVES

EXPRESSIONS = {name: p.expr for name, p in sorted(PRIMITIVES.items()) if p.expr is not None}
# Inputs for which a function is defined, where those are not all from -3 to 3.
DOMAIN = {
    **dict.fromkeys(("rsqrt", "sqrt", "log", "log2", "log10", "log1p"), (0.1, 3)),
    **dict.fromkeys(("asin", "acos"), (-1, 1)),
    "acosh": (1, 3), "atanh": (-0.9, 0.9),
}  # fmt: skip


def arrays(name: str, count: int) -> list[np.ndarray]:
    low, high = DOMAIN.get(name, (-3, 3))
    g = np.random.default_rng(0)
    found = [g.uniform(low, high, 64) for _ in range(count)]
    if name == "where":
        found[0] = found[0] > 0
    return found


def translated(text: str, names: list[str]) -> tuple[str, object]:
    """(Triton code, a NumPy function) of an expression; in a process that may import triton."""
    from franken.triton_kernels.kernels.pointwise import pointwise, scalar
    from franken.triton_kernels.kernels.pointwise.expression import translate

    code = translate(text, {n: f[0] for n, f in scalar.FUNCTIONS.items()}, "tl.where")[0]
    program = pointwise.Program(len(names), 0, (("y", text),), ("y",))
    return code, program


def evaluate(text: str, values: list[np.ndarray]) -> np.ndarray:
    from franken.triton_kernels.kernels.pointwise import pointwise

    names = [f"x{i}" for i in range(len(values))]
    _, program = translated(text, names)
    return np.asarray(pointwise.run_reference(program, values, ())[0])


@pytest.fixture(scope="module")
def process():
    with pool(interpret=True) as made:
        yield made


def test_some_ops_have_expressions():
    assert len(EXPRESSIONS) > 20


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_expression_computes_what_the_kernel_does(process, name):
    prim, expr = PRIMITIVES[name], EXPRESSIONS[name]
    count = 1 + max(int(i) for i in re.findall(r"\{(\d)\}", expr))
    assert count == len(prim.inputs)
    values = arrays(name, count)
    if name.startswith("bitwise_"):
        values = [np.abs(v * 10).astype(np.int64) for v in values]
    text = expr.format(*[f"x{i}" for i in range(count)])
    got = process.submit(evaluate, text, values).result()
    want = prim.cpu(*values)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
