"""assert_close says what torch says, and make_tensor draws what torch draws."""

from __future__ import annotations

import numpy as np
import pytest

import franken
import franken.testing

torch = pytest.importorskip("torch")

PAIRS = """
T([1., 2, 3]), T([1., 2.1, 3])
T([[1., 2], [3, 4]]), T([[1., 2.1], [3, 5]])
T([1, 2, 3]), T([1, 2, 4])
T(1.), T(2.)
1., 2.
1, 2
1.5, 2
T([1., 2]), T([1., 2, 3])
T([1., 2]), T([1., 2], dtype=m.float64)
[T([1., 2]), T(3.)], [T([1., 2]), T(4.)]
{'a': T([1., 2])}, {'a': T([1., 3])}
{'a': T([1., 2])}, {'b': T([1., 3])}
[1.], [1., 2.]
T([float('nan')]), T([float('nan')])
T([float('inf')]), T([float('-inf')])
True, False
T([True, False]), T([False, False])
None, T(1.)
T([1j]), T([2j])
T([1.], dtype=m.bfloat16), T([2.], dtype=m.bfloat16)
1.0, float('nan')
T([]), T([1.])
T([3, 4], dtype=m.int32), T([3, 5])
np.ones(2), np.ones(2) * 2
"""
OPTIONS = [{}, {"rtol": 0, "atol": 0}, {"rtol": 0.1, "atol": 0.05}, {"equal_nan": True},
           {"check_dtype": False}]  # fmt: skip


def said(m, text, options):
    a, b = eval(text, {"T": m.tensor, "m": m, "np": np})
    try:
        m.testing.assert_close(a, b, **options)
    except AssertionError as error:
        return str(error)
    return None


@pytest.mark.parametrize("text", [p for p in PAIRS.split("\n") if p])
def test_messages(text):
    for options in OPTIONS:
        assert said(franken, text, options) == said(torch, text, options)


def test_arguments():
    a, b = franken.ones(1), franken.zeros(1)
    with pytest.raises(
        ValueError, match="Both 'rtol' and 'atol' must be either specified or omitted"
    ):
        franken.testing.assert_close(a, b, rtol=0.1)
    with pytest.raises(AssertionError, match="^mine$"):
        franken.testing.assert_close(a, b, msg="mine")
    with pytest.raises(AssertionError, match="^mine: Tensor-likes"):
        franken.testing.assert_close(a, b, msg=lambda m: "mine: " + m)
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs"):
        franken.testing.assert_close("a", "a")
    with pytest.raises(TypeError, match="No comparison pair was able to handle inputs"):
        franken.testing.assert_close(a, [1.0])


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "bfloat16", "int64", "uint8", "bool", "complex64"]
)
@pytest.mark.parametrize(
    "options", [{}, {"low": 0, "high": 5}, {"exclude_zero": True}, {"noncontiguous": True}]
)
def test_make_tensor(dtype, options):
    made = []
    for m in (franken, torch):
        m.manual_seed(3)
        t = m.testing.make_tensor(3, 4, dtype=getattr(m, dtype), device="cpu", **options)
        made.append((t.tolist(), t.stride(), str(t.dtype)))
    assert made[0] == made[1]
