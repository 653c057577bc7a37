"""Gradients where a formula divides by zero or meets NaN: torch's values, op by op.

A table of ops and of edge inputs is compared with torch: value and gradient, and the second
gradient where torch's is not itself an accident of its formula. Inputs whose answer depends on
vector width (complex infinities) are left out.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

NAN, INF = math.nan, math.inf
EDGES = {
    "zeros": [0.0, 0.0, 0.0], "ones": [1.0, 1.0, 1.0], "ties": [2.0, 1.0, 2.0],
    "nan": [1.0, NAN, 2.0], "all nan": [NAN, NAN, NAN], "inf": [1.0, INF, 2.0],
    "-inf": [1.0, -INF, 2.0], "all -inf": [-INF, -INF, -INF], "one zero": [0.0, 3.0, 2.0],
    "two zeros": [0.0, 0.0, 2.0], "negative": [-1.5, -2.5, -0.5], "one": [3.0], "none": [],
}  # fmt: skip
FINITE = ["zeros", "ones", "ties", "one zero", "two zeros", "negative", "one"]
PAIRED = ["zeros", "ones", "ties", "nan", "inf", "negative", "one zero"]


def fn(name: str, **given: Any) -> Any:
    """A function of torch's or franken's top level."""
    return lambda m, *xs: getattr(m, name)(*xs, **given)


def nn(name: str, *more: Any, **given: Any) -> Any:
    """A function of nn.functional."""
    return lambda m, *xs: getattr(m.nn.functional, name)(*xs, *more, **given)


def method(name: str, *more: Any, **given: Any) -> Any:
    """A method of the (first) tensor."""

    def call(m: Any, x: Any, *xs: Any) -> Any:
        out = getattr(x, name)(*xs, *more, **given)
        return out[0] if isinstance(out, tuple) else out

    return call


ONE = {
    **{n: fn(n) for n in ("abs", "sgn", "sign", "sqrt", "rsqrt", "log", "exp", "tanh", "erf",
                          "reciprocal", "sinc", "sigmoid", "acos", "atanh", "log1p")},
    "nansum": fn("nansum"), "nanmean": fn("nanmean"), "sum": fn("sum"), "mean": fn("mean"),
    "max": method("max"), "max over": method("max", 0), "min over": method("min", 0),
    "amax": method("amax"), "amin": method("amin"), "median": method("median"),
    "nanmedian": method("nanmedian"), "quantile": method("quantile", 0.5),
    "nanquantile": method("nanquantile", 0.25), "logsumexp": method("logsumexp", 0),
    "softmax": method("softmax", 0), "log_softmax": method("log_softmax", 0),
    "cumsum": method("cumsum", 0), "cummax": method("cummax", 0),
    **{f"var {c}": method("var", correction=c) for c in (0, 1, 2, 3, 4)},
    **{f"std {c}": method("std", correction=c) for c in (0, 1, 3, 4)},
    **{f"norm {p}": method("norm", p) for p in (0, 0.5, 1, 1.5, 2, 3, INF, -INF, -1)},
    **{f"normalize {p}": nn("normalize", p, 0) for p in (0, 1, 2, 3, INF)},
    **{f"pow {p}": method("pow", p) for p in (0, 0.5, 1, 1.5, 2, 3, -1, -0.5)},
    "0 to the": lambda m, x: 0.0**x, "2 to the": lambda m, x: 2.0**x,
    "clamp": method("clamp", 0, 1), "clamp crossed": method("clamp", 2, 1),
    "relu": nn("relu"), "relu6": nn("relu6"), "hardtanh": nn("hardtanh"), "elu": nn("elu"),
    "selu": nn("selu"), "celu": nn("celu"), "gelu": nn("gelu"), "silu": nn("silu"),
    "softplus": nn("softplus"), "softsign": nn("softsign"), "hardswish": nn("hardswish"),
    "hardshrink": nn("hardshrink"), "softshrink": nn("softshrink"), "leaky": nn("leaky_relu"),
    "threshold": nn("threshold", 0.0, 5.0), "logsigmoid": nn("logsigmoid"),
    "entr": lambda m, x: m.special.entr(x), "xlog1py": lambda m, x: m.special.xlog1py(x, -1),
    "xlogy": lambda m, x: m.xlogy(x, 2), "dist 0": lambda m, x: m.dist(x, x.detach()),
    "det": lambda m, x: m.linalg.det(x.diag()) if x.shape[0] else x.sum(),
    "fro": lambda m, x: m.linalg.matrix_norm(x.diag()),
    "lp_pool": lambda m, x: m.nn.functional.lp_pool1d(x.reshape(1, 1, -1), 2.0, 1),
    "layer_norm": lambda m, x: m.nn.functional.layer_norm(x, x.shape) if x.shape[0] else x.sum(),
    **{f"renorm {p}": lambda m, x, p=p: x.reshape(1, -1).renorm(p, 0, 1.0)
       for p in (1, 2, INF)},
    **{f"cdist {p}": lambda m, x, p=p: m.cdist(x.reshape(1, -1), x.detach().reshape(1, -1), p=p)
       for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF)},
}  # fmt: skip
TWO = {
    **{n: fn(n) for n in ("maximum", "minimum", "fmax", "fmin", "atan2", "hypot", "pow", "xlogy",
                          "logaddexp", "copysign", "remainder", "fmod", "polar", "dist")},
    "cosine": nn("cosine_similarity", 0), "smooth_l1": nn("smooth_l1_loss"),
    "huber": nn("huber_loss"), "l1": nn("l1_loss"), "kl": nn("kl_div", reduction="sum"),
    "where": lambda m, x, y: m.where(x > y, x, y), "clamp": lambda m, x, y: m.clamp(x, y, y),
    "scatter amax": lambda m, x, y: x.scatter_reduce(
        0, m.tensor([0] * x.shape[0]), y, "amax"),
    "index amin": lambda m, x, y: x.index_reduce(0, m.tensor([0] * x.shape[0]), y, "amin"),
}  # fmt: skip

# What is left to torch: (op, edge) whose gradient there follows from the order of its products.
LEFT = {
    ("renorm 1", "nan"), ("renorm 2", "nan"), ("renorm inf", "nan"), ("renorm 1", "all nan"),
    ("renorm 2", "all nan"), ("renorm inf", "all nan"),
    # torch divides by two singular values at once; of a 1 x 1 matrix it has no second derivative
    ("det", "zeros"), ("det", "two zeros"), ("det", "one"),
}  # fmt: skip
# Second gradients at zero that are NaN in torch though the derivative exists.
SECOND_LEFT = {"det", "pow", "0 to the", "renorm 1", "renorm 2", "renorm inf", "polar"}


def answers(m: Any, f: Any, arrays: list[Any], second: bool) -> Any:
    """Value and gradients (None stays None), and the second gradients if wanted."""
    xs = [m.tensor(np.array(a, np.float64), requires_grad=True) for a in arrays]
    out = f(m, *xs)
    found = [out.detach()]
    if out.requires_grad:
        rng = np.random.default_rng(0)
        w = m.tensor(rng.uniform(0.5, 1.5, tuple(out.shape))).to(out.dtype)
        grads = m.autograd.grad(out, xs, w, create_graph=second, allow_unused=True)
        found += [None if g is None else g.detach() for g in grads]
        live = [g for g in grads if g is not None and g.requires_grad]
        if second and live:
            again = m.autograd.grad([g.sum() for g in live], xs, allow_unused=True)
            found += [None if g is None else g.detach() for g in again]
    # a sum, since torch's own zeros may be without memory
    return [None if t is None else (t + m.zeros((), dtype=t.dtype)).numpy() for t in found]


def compared(name: str, f: Any, arrays: list[Any], second: bool) -> str:
    """What differs from torch, or nothing."""
    got = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for m in (torch, franken):
            try:
                got.append(answers(m, f, arrays, second))
            except (RuntimeError, IndexError, NotImplementedError) as error:
                if "not implemented" in str(error):
                    return ""  # torch's refusal of a second derivative
                got.append([type(error).__name__])
    want, have = got
    if len(want) != len(have):
        return f"{name}: {want} {have}"
    for w, h in zip(want, have, strict=True):
        if not isinstance(w, np.ndarray) or not isinstance(h, np.ndarray):
            if type(w) is not type(h) or isinstance(w, str) and w != h:
                return f"{name}: {w} {h}"
        elif w.shape != h.shape or not np.allclose(h, w, rtol=1e-7, atol=1e-12, equal_nan=True):
            return f"{name}: {w} {h}"
    return ""


@pytest.mark.parametrize("name", ONE)
def test_one_input(name: str) -> None:
    """Value and gradient at every edge (torch's det of singular matrices needs create_graph)."""
    found = [
        compared(edge, ONE[name], [values], name == "det")
        for edge, values in EDGES.items()
        if (name, edge) not in LEFT and (edge in FINITE or not name.startswith(("cdist", "det")))
    ]
    assert not any(found), found


@pytest.mark.parametrize("name", TWO)
def test_two_inputs(name: str) -> None:
    """Value and both gradients at every pair of edges."""
    found = [
        compared(f"{a}, {b}", TWO[name], [EDGES[a], EDGES[b]], False)
        for a in PAIRED
        for b in PAIRED
        if not (name == "polar" and a == "inf")
    ]
    assert not any(found), found


@pytest.mark.parametrize("name", [n for n in [*ONE, *TWO] if n not in SECOND_LEFT])
def test_second_gradients(name: str) -> None:
    """The second gradient where inputs are finite."""
    if name in ONE:
        found = [compared(e, ONE[name], [EDGES[e]], True) for e in FINITE]
    else:
        pairs = [(a, b) for a in FINITE[:-1] for b in FINITE[:-1]]
        found = [compared(f"{a}, {b}", TWO[name], [EDGES[a], EDGES[b]], True) for a, b in pairs]
    assert not any(found), found


def test_a_singular_matrix_has_all_derivatives_of_its_determinant() -> None:
    """The second derivative of det does not divide by a singular value of zero."""
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(4, 4)) @ np.diag([1.0, 2.0, 3.0, 0.0]) @ rng.normal(size=(4, 4))
    for a in (rng.normal(size=(3, 3)), flat, np.eye(3), np.outer([1.0, 2, 3], [2.0, 1, 1])):
        got = []
        for m in (torch, franken):
            x = m.tensor(a, requires_grad=True)
            (g,) = m.autograd.grad(m.linalg.det(x), x, create_graph=True)
            w = m.tensor(np.random.default_rng(2).normal(size=a.shape))
            got.append(m.autograd.grad((g * w).sum(), x)[0].numpy())
        np.testing.assert_allclose(got[1], got[0], rtol=1e-8, atol=1e-10)


BASES = {"-1": lambda T: -1, "-2.5": lambda T: -2.5, "tensor": lambda T: T.tensor([-1.5, 2.0])}


@pytest.mark.parametrize("base", BASES)
def test_powers_of_negative_numbers_by_complex_exponents(agree, base):
    def program(T):
        e = T.tensor([0.5 + 1j, 2.25 - 0.5j], dtype=T.complex128, requires_grad=True)
        b = BASES[base](T)
        y = T.pow(b.double() if base == "tensor" else b, e)
        y.backward(T.tensor([1 + 2j, 0.5], dtype=T.complex128))
        return e.grad, T.func.jvp(lambda e: T.pow(b, e), (e.detach(),), (e.detach(),))[1].real

    assert agree(program)[0] == "value"


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("wanted", ["both", "input", "src"])
@pytest.mark.parametrize("name", ["scatter_reduce", "index_reduce"])
def test_products_into_places_with_zeros(agree, name, wanted, include_self):
    def case(x, src, index):
        def program(T):
            a = T.tensor(x, dtype=T.float64, requires_grad=wanted != "src")
            b = T.tensor(src, dtype=T.float64, requires_grad=wanted != "input")
            over = [t for t in (a, b) if t.requires_grad]
            y = getattr(T, name)(a, 0, T.tensor(index), b, "prod", include_self=include_self)
            g = T.autograd.grad(y.sum(), over, create_graph=True)
            total = sum(v.sum() for v in g)
            return g, T.autograd.grad(total, over, allow_unused=True) if total.requires_grad else ()

        return program

    for x, src, index in (
        ([1.0], [0.0, 0.0], [0, 0]), ([0.0], [0.0, 2.0], [0, 0]), ([0.0], [1.0, 2.0], [0, 0]),
        ([1.0], [0.0, 2.0], [0, 0]), ([1.0, 1.0], [0.0, 0.0], [0, 1]),
        ([0.0, 1.0], [0.0, 0.0], [1, 1]),
    ):  # fmt: skip
        agree(case(x, src, index), words=11)


ROWS = {
    "finite": [[3.0, 1.0], [-2.0, 0.5]], "zero": [[3.0, 0.0], [-2.0, 0.5]],
    "zeros": [[0.0, 0.0], [0.0, 2.0]], "inf": [[3.0, INF], [INF, 2.0]],
    "nan": [[3.0, NAN], [1.0, 2.0]], "nan and zero": [[3.0, NAN], [0.0, 2.0]],
    "inf and zero": [[3.0, 0.0], [INF, 2.0]], "-inf": [[-INF, -INF], [1.0, -INF]],
}  # fmt: skip
FOLDS = {
    "prod": lambda x: x.prod(), "prod dim": lambda x: x.prod(1), "prod 0": lambda x: x.prod(0),
    "cumprod": lambda x: x.cumprod(1), "cumprod flat": lambda x: x.reshape(-1).cumprod(0),
    "logcumsumexp": lambda x: x.logcumsumexp(1), "logcumsumexp 0": lambda x: x.logcumsumexp(0),
    "log_ndtr": None, "renorm": lambda x: x.renorm(2, 0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("fold", FOLDS)
def test_slopes_of_products_and_sums_at_limits(agree, fold, rows):
    def program(T):
        x = T.tensor(ROWS[rows], dtype=T.float64, requires_grad=True)
        y = T.special.log_ndtr(x) if fold == "log_ndtr" else FOLDS[fold](x)
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)  # the rule that is recorded
        return y.detach(), g.detach()

    assert agree(program)[0] == "value"


@pytest.mark.parametrize("exponent", [2, 1, 0, 1.5, 0.5, -1, 3])
def test_second_slopes_of_powers_at_zero(agree, exponent):
    def program(T):
        x = T.tensor([0.0, 2.0, -1.0], dtype=T.float64, requires_grad=True)
        (g,) = T.autograd.grad(x.pow(exponent).sum(), x, create_graph=True)
        second = T.autograd.grad(g.sum(), x, allow_unused=True) if g.requires_grad else ()
        return g.detach(), second

    def by_tensors(T):
        x = T.tensor([0.0, 2.0, 0.0], dtype=T.float64, requires_grad=True)
        e = T.full((3,), float(exponent), dtype=T.float64, requires_grad=True)
        gs = T.autograd.grad(x.pow(e).sum(), (x, e), create_graph=True)
        more = [T.autograd.grad(g.sum(), (x, e), retain_graph=True) for g in gs]
        return [g.detach() for g in gs], more, [g.grad_fn.name() for g in gs]

    def by_number(T):
        e = T.tensor([0.0, 1.0, 2.0, -1.0], dtype=T.float64, requires_grad=True)
        (g,) = T.autograd.grad(T.pow(0.0, e).sum(), e, create_graph=True)
        return g.detach(), T.autograd.grad(g.sum(), e)

    for each in (program, by_tensors, by_number):
        assert agree(each)[0] == "value"
