"""The generator of `pointwise` as an entry of the library; samples of every scalar function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...checks.cases import Case, Maker, op
from .pointwise import Program, pointwise, run_reference


def elementwise_reference(program: Program, *arrays: Any, numbers: Any = (), **_: Any) -> list[Any]:
    """The program's expressions in NumPy, in float64."""
    return run_reference(program, arrays, numbers)


# Function -> where its argument is drawn from. Each is checked to the accuracy stated here in
# units in the last place of float32.
UNARY: dict[str, tuple[float, float, float]] = {
    "abs": (-3, 3, 0), "sqrt": (0, 9, 1), "rsqrt": (0.01, 9, 2), "exp": (-80, 80, 2),
    "exp2": (-100, 100, 2), "log": (1e-6, 100, 2), "log2": (1e-6, 100, 2), "sin": (-30, 30, 2),
    "cos": (-30, 30, 2), "floor": (-9, 9, 0), "ceil": (-9, 9, 0), "erf": (-4, 4, 2),
    "expm1": (-20, 20, 4), "log1p": (-0.9, 20, 4), "tanh": (-12, 12, 6), "sinh": (-85, 85, 8),
    "cosh": (-85, 85, 6), "asinh": (-1e3, 1e3, 6), "acosh": (1, 1e3, 6), "atanh": (-0.99, 0.99, 6),
    "sigmoid": (-80, 80, 4), "trunc": (-9, 9, 0), "round": (-9, 9, 0), "sign": (-2, 2, 0),
    "asin": (-1, 1, 6), "acos": (-1, 1, 6), "atan": (-20, 20, 4),
    "log10": (1e-6, 100, 4), "erfc": (-4, 8, 16), "tan": (-1.5, 1.5, 6),
}  # fmt: skip
BINARY = ("max", "min", "mod", "floordiv", "pow")


def _one(text: str, inputs: int = 1, numbers: int = 0, compute: str = "fp32") -> Program:
    return Program(inputs, numbers, (("y", text),), ("y",), compute)


def _function_cases() -> Iterator[Case]:
    for name, (low, high, ulps) in UNARY.items():

        def build(
            m: Maker, name: str = name, low: float = low, high: float = high
        ) -> tuple[Any, ...]:
            return _one(f"{name}(x0)"), m.uniform((257,), "f32", low, high)

        yield Case(name, build, ulps=ulps)
    for name in BINARY:

        def pair(m: Maker, name: str = name) -> tuple[Any, ...]:
            x, y = m.uniform((65, 3), "f32", 0.1, 5.0), m.uniform((65, 3), "f32", 0.5, 3.0)
            return _one(f"{name}(x0, x1)", 2), x, y

        yield Case(name, pair, ulps=32 if name == "pow" else 2 if name == "mod" else 0)
    for text in ("mod(x0, 2.0)", "mod(2.0, x0)"):
        yield Case(
            text, lambda m, text=text: (_one(text), m.uniform((65,), "f32", 0.1, 5.0)), ulps=1
        )

    def special(m: Maker) -> tuple[Any, ...]:
        steps = tuple(
            (f"y{k}", f"{f}(x0)") for k, f in enumerate(("tanh", "sigmoid", "sign", "log1p"))
        )
        x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, -1.0], np.float32)
        return Program(1, 0, steps, tuple(n for n, _ in steps)), x

    yield Case("special values", special, ulps=4)


def _layout_cases() -> Iterator[Case]:
    add = _one("x0 + s0 * x1", 2, 1)
    yield Case(
        "broadcast", lambda m: (add, m.normal((4, 1, 5)), m.normal((3, 1))), {"numbers": (0.5,)}
    )
    yield Case(
        "strides",
        lambda m: (add, m.strided(m.normal((4, 6))), m.normal((6, 4)).T), {"numbers": (2,)},
    )  # fmt: skip
    yield Case("past 32 bits", lambda m: (add, m.far(m.normal((3, 5), "f16"), 1),
                                          m.normal((3, 1), "f16")), {"numbers": (2,)})  # fmt: skip
    yield Case("scalar", lambda m: (add, m.normal(()), m.normal(())), {"numbers": (2,)})
    yield Case("empty", lambda m: (add, m.normal((0, 3)), m.normal((3,))), {"numbers": (2,)})
    yield Case("one", lambda m: (add, m.normal((1, 1)), m.normal((1,))), {"numbers": (2,)})
    yield Case(
        "five axes",
        lambda m: (add, m.normal((2, 3, 2, 3, 2)).transpose(4, 2, 0, 1, 3), m.normal((3, 1))),
        {"numbers": (-1.0,)},
    )  # fmt: skip
    for dtype in ("f16", "bf16"):
        yield Case(
            dtype,
            lambda m, d=dtype: (add, m.normal((40,), d), m.normal((40,), d)),
            {"numbers": (3,)},
        )
    double = _one("x0 * s0 + s1", 1, 2, "fp64")
    yield Case("double", lambda m: (double, m.normal((9,), "f64")), {"numbers": (0.1, 0.0)})
    yield Case(
        "mixed dtypes",
        lambda m: (_one("x0 * x1", 2), m.normal((9,), "bf16"), m.integers((9,), 5)),
        {"dtypes": (np.float32,)},
    )  # fmt: skip
    bits = _one("(x0 & x1) ^ (x0 << 1)", 2, 0, "i64")
    yield Case("integers", lambda m: (bits, m.integers((9,), 99), m.integers((9,), 99)))
    choice = _one("x0 if x0 > 0 and not x0 >= 1 else -x0 + 0 * ~0")
    yield Case("choice", lambda m: (choice, m.normal((99,))))
    yield Case(
        "comparison", lambda m: (_one("-1 < x0 <= 1"), m.normal((9,))), {"dtypes": (np.bool_,)}
    )


def _fused_cases() -> Iterator[Case]:
    steps = (("t", "x0 * x1"), ("u", "t + x2"), ("v", "u * sigmoid(u)"))
    chain = Program(3, 0, steps, ("v", "t"))
    yield Case(
        "chain of two outputs", lambda m: (chain, *[m.normal((7, 9)) for _ in range(3)]), ulps=8
    )
    yield Case("big", lambda m: (chain, *[m.normal((4096, 8192)) for _ in range(3)]), big=True)
    yield Case(
        "big bf16", lambda m: (chain, *[m.normal((4096, 8192), "bf16") for _ in range(3)]), big=True
    )


def _cases() -> Iterator[Case]:
    yield from _function_cases()
    yield from _layout_cases()
    yield from _fused_cases()


@op(reference=elementwise_reference, cases=_cases, ulps=2)
def elementwise(program: Program, *arrays: Any, numbers: Any = (), dtypes: Any = ()) -> list[Any]:
    """Run a fused elementwise program on arrays that broadcast; new arrays, one an output."""
    return pointwise(program, *arrays, numbers=numbers, dtypes=dtypes)


def _inplace_cases() -> Iterator[Case]:
    program = _one("x0 * s0 + x1", 2, 1)
    yield Case("plain", lambda m: (program, m.normal((5, 7)), m.normal((7,))), {"numbers": (0.5,)})
    yield Case(
        "strided",
        lambda m: (program, m.strided(m.normal((5, 7))), m.normal((7,))),
        {"numbers": (0.5,)},
    )


def _inplace_reference(program: Program, x: Any, *rest: Any, numbers: Any = ()) -> Any:
    """The program's one output."""
    return run_reference(program, (x, *rest), numbers)[0]


@op(reference=_inplace_reference, cases=_inplace_cases, ulps=2, mutates=(1,))
def elementwise_inplace(program: Program, x: Any, *rest: Any, numbers: Any = ()) -> Any:
    """Run a program of one output and store it in its first input, which is returned."""
    return pointwise(program, x, *rest, numbers=numbers, out=(x,))[0]
