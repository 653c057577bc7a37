"""What matrix products must give, in float64 from the definition, and the samples that show it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks.cases import Case, Maker
from ..kernels.products.matmul_tile import ACTIVATIONS

# Accuracy of a sum of K products in its own type: an error of about sqrt(K) roundings. Half
# precision is rounded once, at the end.
SUMS = 12
HALF = 1


def matmul_reference(
    a: np.ndarray, b: np.ndarray, bias: Any = None, c: Any = None, alpha: float = 1.0,
    beta: float = 1.0, activation: str = "none", tf32: bool = False,
) -> np.ndarray:  # fmt: skip
    """Sums of products over the inner axis; int8 operands in int32."""
    if a.dtype == np.int8:
        return np.einsum("...mk,...kn->...mn", a.astype(np.int32), b.astype(np.int32))
    # Extended precision: plain float64 sums are no better than those of the fp64 kernels.
    y = alpha * np.einsum("...mk,...kn->...mn", a.astype(np.longdouble), b.astype(np.longdouble))
    y = y if bias is None else y + bias
    y = y if c is None else y + beta * c
    return activation_reference(y, activation)


def matvec_reference(
    a: np.ndarray, x: np.ndarray, c: Any = None, alpha: float = 1.0, beta: float = 1.0,
    activation: str = "none",
) -> np.ndarray:  # fmt: skip
    """Inner products of the rows of a with x."""
    column = None if c is None else c[..., None]
    return matmul_reference(a, x[..., None], None, column, alpha, beta, activation)[..., 0]


def activation_reference(x: np.ndarray, activation: str) -> np.ndarray:
    """The activation by its definition."""
    sigmoid = 1 / (1 + np.exp(-x))
    if activation == "gelu_tanh":
        return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    if activation == "gelu":
        return x * (1 + np.array([math.erf(v) for v in x.ravel() / math.sqrt(2)])
                    .reshape(x.shape)) / 2  # fmt: skip
    table = {"none": x, "relu": np.maximum(x, 0), "silu": x * sigmoid, "sigmoid": sigmoid,
             "tanh": np.tanh(x)}  # fmt: skip
    return table[activation]


def _pair(
    a: tuple[int, ...], b: tuple[int, ...], dtype: str = "f32", *more: tuple[int, ...]
) -> Any:  # fmt: skip
    def build(m: Maker) -> tuple[Any, ...]:
        if dtype == "i8":
            return m.integers(a, 128, "i8", -128), m.integers(b, 128, "i8", -128)
        return tuple([m.normal(shape, dtype) for shape in (a, b, *more)])

    return build


def _with(build: Any, change: Any) -> Any:
    return lambda m: change(m, *build(m))


def _matmul_cases() -> Iterator[Case]:
    """Every dtype, epilogue, operand layout and path; compiled only: the sizes of real models."""
    for dtype in ("f32", "f16", "bf16", "f64", "i8"):
        yield Case(dtype, _pair((33, 70), (70, 45), dtype))
    yield Case("tf32", _pair((33, 64), (64, 45)), {"tf32": True}, ulps=2**15)
    for name in ACTIVATIONS[1:]:
        dtype = "bf16" if name in ("gelu", "silu") else "f32"
        yield Case(
            name, _pair((20, 30), (30, 18), dtype, (18,)), {"activation": name, "alpha": 0.2}
        )
    yield Case("tanh f64", _pair((20, 3), (3, 18), "f64", (18,)), {"activation": "tanh"})
    sums = {"alpha": 0.1, "beta": -1.7}
    yield Case("alpha beta", _pair((20, 30), (30, 18), "f32", (18,), (20, 18)), sums)
    yield Case("alpha beta f64", _pair((20, 30), (30, 18), "f64", (18,), (20, 1)), sums)
    yield from _layouts()
    yield from _edges()
    yield from _large()


def _layouts() -> Iterator[Case]:
    def strided(m: Maker, a: Any, b: Any) -> tuple[Any, ...]:
        return m.strided(a), m.strided(b)

    yield Case("transposed", _with(_pair((64, 20), (30, 64)), lambda m, a, b: (a.T, b.T)))
    yield Case("strided", _with(_pair((17, 33), (33, 18), "f16"), strided))
    yield Case("batch", _pair((3, 2, 17, 20), (3, 2, 20, 18)))
    yield Case("rows of a batch", _pair((3, 5, 20), (20, 18), "f32", (18,), (3, 5, 18)))
    yield Case("rows that do not fold", _with(
        _pair((4, 3, 5, 20), (20, 18)), lambda m, a, b: (a.swapaxes(0, 2), b)))  # fmt: skip
    yield Case("broadcast batch", _pair((3, 1, 17, 20), (2, 20, 18), "f32", (18,), (3, 1, 1, 18)))
    yield Case("three batch axes", _with(
        _pair((2, 2, 3, 8, 9), (3, 2, 2, 9, 6)),
        lambda m, a, b: (a.swapaxes(0, 1), b.transpose(2, 1, 0, 3, 4))))  # fmt: skip
    yield Case("column", _pair((20, 130), (130, 1), "bf16", (1,), (20, 1)))
    yield Case("row", _pair((1, 130), (130, 40), "f32", (40,), (1, 40)))
    yield Case("vectors of a batch", _pair((2, 1, 30), (2, 30, 12)))
    yield Case("one value", _pair((1, 1), (1, 1)))
    yield Case("persistent", _pair((70, 40), (40, 150), "f16"), arch=90)
    yield Case("persistent, more tiles than programs", _pair((760, 16), (16, 770), "f16"),
               arch=90)  # fmt: skip
    yield Case("split", _pair((17, 2100), (2100, 20), "f32", (20,)))


def _edges() -> Iterator[Case]:
    yield Case("no inner axis", _pair((5, 0), (0, 6), "f32", (6,)))
    yield Case("no rows", _pair((0, 4), (4, 6)))
    yield Case("no batch", _pair((0, 3, 4), (4, 6)))
    yield Case("sizes differ", _pair((5, 4), (6, 5)), refuses=ValueError)
    yield Case("bias too long", _pair((5, 4), (4, 5), "f32", (6,)), refuses=ValueError)
    yield Case("c too large", _pair((5, 4), (4, 5), "f32", (5,), (2, 5, 5)), refuses=ValueError)
    yield Case("no such activation", _pair((5, 4), (4, 5)), {"activation": "x"}, refuses=ValueError)
    yield Case("int8 alpha", _pair((5, 4), (4, 5), "i8"), {"alpha": 2.0}, refuses=ValueError)
    yield Case("dtypes differ", lambda m: (m.normal((2, 2)), m.normal((2, 2), "f16")),
               refuses=TypeError)  # fmt: skip
    yield Case("int8 bias", lambda m: (*_pair((5, 4), (4, 5), "i8")(m), m.integers((5,), 3, "i8")),
               refuses=TypeError)  # fmt: skip


def _large() -> Iterator[Case]:
    linear = ((8192, 4096), (4096, 4096))
    for dtype in ("bf16", "f32", "f64", "i8"):
        yield Case(f"big {dtype}", _pair(*linear, dtype), big=True)
    yield Case("big tf32", _pair(*linear), {"tf32": True}, big=True)
    yield Case("big linear", _with(
        _pair(*linear, "bf16", (4096,)), lambda m, a, b, bias: (a, b.T, bias)),
        {"activation": "gelu"}, big=True)  # fmt: skip
    yield Case("big weight gradient", _with(
        _pair(*linear, "bf16"), lambda m, a, b: (a.T, m.normal((8192, 4096), "bf16"))),
        big=True)  # fmt: skip
    yield Case("big batch", _pair((64, 128, 64), (64, 64, 128), "bf16"), big=True)
    yield Case("big odd", _pair((8191, 4095), (4095, 4093), "bf16"), big=True)
    yield Case("big few rows", _pair((16, 4096), (4096, 4096), "bf16"), big=True)


def _split_cases() -> Iterator[Case]:
    """Pieces that K fills, does not fill, and does not reach."""
    for dtype in ("f32", "f16", "bf16", "f64", "i8"):
        yield Case(dtype, _pair((18, 700), (700, 20), dtype))
    yield Case("even", _pair((18, 1024), (1024, 20), "f32"))
    yield Case("batch", _pair((2, 3, 18, 200), (3, 200, 20), "f32", (20,), (18, 20)),
               {"alpha": 0.5, "beta": 2.0, "activation": "relu"})  # fmt: skip
    yield Case("short", _pair((18, 20), (20, 20)))
    yield Case("no inner axis", _pair((5, 0), (0, 6), "f32", (6,)))
    yield Case("big", _pair((128, 65536), (65536, 128), "bf16"), big=True)
    yield Case("big f32", _pair((128, 65536), (65536, 128)), big=True)


def _matvec_cases() -> Iterator[Case]:
    """Both layouts of the matrix, whole and in pieces."""
    for dtype in ("f32", "f16", "bf16", "f64", "i8"):
        yield Case(dtype, _pair((37, 70), (70,), dtype))
    yield Case("across", _with(_pair((70, 37), (70,)), lambda m, a, x: (a.T, x)))
    yield Case("pieces", _pair((3, 9000), (9000,), "f32", (3,)), {"beta": 3.0})
    yield Case("pieces across", _with(_pair((3000, 3), (3000,)), lambda m, a, x: (a.T, x)))
    yield Case("batch", _pair((2, 3, 9, 20), (3, 20), "f32", (9,)), {"activation": "relu"})
    yield Case("no columns", _pair((4, 0), (0,)))
    yield Case("no rows", _pair((0, 4), (4,)))
    yield Case("no vector", lambda m: (m.normal((4, 4)), m.normal(())), refuses=ValueError)
    for dtype in ("f32", "bf16"):
        yield Case(f"big {dtype}", _pair((4096, 4096), (4096,), dtype), big=True)
        yield Case(f"big across {dtype}", _with(
            _pair((4096, 4096), (4096,), dtype), lambda m, a, x: (a.T, x)), big=True)  # fmt: skip
    yield Case("big pieces", _pair((8, 1 << 20), (1 << 20,)), big=True)


def _tight(cases: Any) -> Any:
    """The samples of a generator, those in half precision held to one rounding."""

    def samples() -> Iterator[Case]:
        """See the generator."""
        for case in cases():
            half = case.build(Maker(0, True))[0].dtype.itemsize == 2
            yield replace(case, ulps=HALF) if half else case

    return samples


matmul_cases, split_cases, matvec_cases = map(_tight, (_matmul_cases, _split_cases, _matvec_cases))
