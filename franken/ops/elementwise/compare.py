"""Comparisons, maxima and minima of two tensors, and tests of single elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.core import dtypes as dt
from franken.core.calls.out import Into
from franken.core.op import op
from franken.core.tensor import Tensor, attach, wrap
from franken.ops.declaring.declare import ALWAYS_BOOL, elementwise, operator
from franken.ops.declaring.samples import S

# --- comparisons ---------------------------------------------------------------------------------


def _comparison(name: str, kernel: Any, sign: str, alias: str, refuse: str = "c") -> Any:
    fn = elementwise(
        f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", kernel, refuse=refuse,
        promote=ALWAYS_BOOL, alias=(alias,) if alias else (), expr=f"{{0}} {sign} {{1}}",
        doc=f"Whether input {sign} other.",
    )  # fmt: skip
    setattr(Tensor, f"__{name}__", operator(fn, name))
    return fn


def _equal_to(fn: Any) -> Any:
    """`x == y`, the one operator that reads an array as a tensor."""
    plain = operator(fn, "eq")

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, np.ndarray) and other.dtype in dt.FROM_NUMPY:
            return fn(self, wrap(np.asarray(other)))
        return plain(self, other)

    method.__name__ = "__eq__"
    return method


eq = _comparison("eq", np.equal, "==", "", "")
attach(__eq__=_equal_to(eq))
ne = _comparison("ne", np.not_equal, "!=", "not_equal", "")
lt = _comparison("lt", np.less, "<", "less")
le = _comparison("le", np.less_equal, "<=", "less_equal")
gt = _comparison("gt", np.greater, ">", "greater")
ge = _comparison("ge", np.greater_equal, ">=", "greater_equal")
attach(__hash__=object.__hash__)

# --- the larger and the smaller of two -----------------------------------------------------------


def _refuse_complex(name: str) -> Any:
    def check(common: Any, x: Any, y: Any) -> None:
        if common.is_complex:
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    return check


def _tie(g: Any, x: Any, y: Any) -> Any:
    return (g / 2).where(x == y, g)


def _nan_first(y: Any) -> Any:
    return y != y


# Equal operands share the gradient; a NaN in either lets it through to both (maximum, minimum).
maximum = elementwise(
    "maximum(Tensor self, Tensor other) -> Tensor", np.maximum,
    d=(lambda g, x, y: _tie(g, x, y).masked_fill(x < y, 0),
       lambda g, x, y: _tie(g, x, y).masked_fill(y < x, 0)),
    inplace=False, check=_refuse_complex("maximum"), expr="maximum({0}, {1})",
    numbers="none", doc="The larger of two elements; NaN if either is.",
)  # fmt: skip
minimum = elementwise(
    "minimum(Tensor self, Tensor other) -> Tensor", np.minimum,
    d=(lambda g, x, y: _tie(g, x, y).masked_fill(x > y, 0),
       lambda g, x, y: _tie(g, x, y).masked_fill(y > x, 0)),
    inplace=False, check=_refuse_complex("minimum"), expr="minimum({0}, {1})",
    numbers="none", doc="The smaller of two elements; NaN if either is.",
)  # fmt: skip
fmax = elementwise(
    "fmax(Tensor self, Tensor other) -> Tensor", np.fmax,
    d=(lambda g, x, y: g.masked_fill(~((x >= y) | _nan_first(y)), 0),
       lambda g, x, y: g.masked_fill((x >= y) | _nan_first(y), 0)),
    inplace=False, check=_refuse_complex("fmax"), numbers="none",
    doc="The larger of two elements that is no NaN.",
)  # fmt: skip
fmin = elementwise(
    "fmin(Tensor self, Tensor other) -> Tensor", np.fmin,
    d=(lambda g, x, y: g.masked_fill(~((x <= y) | _nan_first(y)), 0),
       lambda g, x, y: g.masked_fill((x <= y) | _nan_first(y), 0)),
    inplace=False, check=_refuse_complex("fmin"), numbers="none",
    doc="The smaller of two elements that is no NaN.",
)  # fmt: skip

# --- tests of single elements --------------------------------------------------------------------


def _no_complex(name: str, text: str) -> Any:
    def check(common: Any, x: Any) -> None:
        if common.is_complex:
            raise RuntimeError(text.format(name))

    return check


def _false(x: Any) -> Any:
    return np.zeros(x.shape, bool)


def _float_test(kernel: Any, otherwise: Any = _false) -> Any:
    def test(x: Any) -> Any:
        return kernel(x) if x.dtype.kind not in "iub" else otherwise(x)

    return test


def _test(name: str, kernel: Any, doc: str, **more: Any) -> Any:
    return elementwise(f"{name}(Tensor self) -> Tensor", kernel, inplace=False, doc=doc, **more)


isnan = _test("isnan", _float_test(np.isnan), "Whether each element is NaN.", out=False)
isinf = _test("isinf", _float_test(np.isinf), "Whether each element is infinite.", out=False)
isfinite = _test(
    "isfinite", _float_test(np.isfinite, lambda x: np.ones(x.shape, bool)),
    "Whether each element is neither infinite nor NaN.", out=False,
)  # fmt: skip
_BOOLEAN = Into("{name} does not support non-boolean outputs.")
isposinf = _test(
    "isposinf", _float_test(lambda x: x == np.inf), "Whether each element is +inf.", out=_BOOLEAN,
    check=_no_complex("isposinf", "{} does not support complex inputs."),
)  # fmt: skip
isneginf = _test(
    "isneginf", _float_test(lambda x: x == -np.inf), "Whether each element is -inf.", out=_BOOLEAN,
    check=_no_complex("isneginf", "{} does not support complex inputs."),
)  # fmt: skip
isreal = _test(
    "isreal", lambda x: x.imag == 0 if x.dtype.kind == "c" else np.ones(x.shape, bool),
    "Whether the imaginary part of each element is 0.", out=False,
)  # fmt: skip


# --- closeness -----------------------------------------------------------------------------------


def _check_close(input: Tensor, other: Any, rtol: float, atol: float) -> None:
    if not isinstance(other, Tensor):
        raise TypeError(
            f"isclose(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        )
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{input.dtype.scalar_name} did not match {other.dtype.scalar_name}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")


@op(
    samples=lambda t: [
        S(t(3, 4), t(4)),
        S(t.of([1.0, 2.0], t.dtype), t.of([1.0, 2.1], t.dtype), rtol=0.2),
        S(t(2, 0), t(2, 0)),
    ]
)
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |input - other| <= atol + rtol |other|, for each element."""
    _check_close(input, other, rtol, atol)
    return _close(input, other, rtol, atol, equal_nan)  # type: ignore[no-any-return]


def _close(input: Any, other: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    close = input == other
    inexact = input.dtype.is_floating_point or input.dtype.is_complex
    if equal_nan and inexact:
        close = close | (input.isnan() & other.isnan())
    if rtol == 0 and atol == 0:
        return close
    x, y = (input, other) if inexact else (input * 1.0, other * 1.0)
    error = (x - y).abs()
    return close | (error.isfinite() & (error <= (y * rtol).abs() + atol))


@op(
    samples=lambda t: [
        S(t(3, 4), t(4)),
        S(t.of([1.0, 2.0], t.dtype), t.of([1.0, 2.1], t.dtype), rtol=0.2),
        S(t(2, 0), t(2, 0)),
    ]
)
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements of two tensors are close; see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())  # type: ignore[attr-defined]


@op(
    samples=lambda t: [
        S(t(3, 4), t(3, 4)),
        S(t.of([1, 2]), t.of([1, 2])),
        S(t(2), t(3)),
        S(t(0), t(0)),
    ]
)
def equal(input: Tensor, other: Any) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    if input.is_meta or other.is_meta:
        rules.refuse("equal")
    if tuple(input.shape) != tuple(other.shape):
        return False
    return bool(eq(input, other).all().item())
