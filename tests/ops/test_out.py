"""`out=` of every op that takes it, in every form that a target may have, against the live oracle.

Where the oracle is undefined (a target with several elements in one place that its kernel does not
look for, memory that it overwrites while it reads), only franken's answer is stated.
"""

from __future__ import annotations

import functools

import numpy as np
import out_forms as forms
import pytest

from conformance import cases, oracle
from franken.core.op import OPS, parameters

OURS, THEIRS = oracle.sides()
# Drawn by generators of each library's own, or determined only up to a sign.
DRAWN = {"bernoulli", "normal", "multinomial", "linalg.svd", "svd", "empty", "rand", "randn",
         "randint", "randperm"}  # fmt: skip
# torch lays the target of these out anew, or writes it without a new version.
OWN_LAYOUT = {"expand_copy", "view_copy", "narrow_copy", "outer", "lu_unpack", "kron"}
# torch writes these past a target with gaps: what it answers is nobody's wish.
GAPS_LOST = {"fft.fftfreq", "fft.rfftfreq", "narrow_copy", "nn.functional.gelu",
             "nn.functional.avg_pool3d", "nn.functional.linear"}  # fmt: skip
# torch resizes the target of these without its warning.
SILENT = {"addbmm", "narrow_copy", "nn.functional.logsigmoid", "fft.fftfreq", "fft.rfftfreq"}
# torch's overloads of these differ in what they refuse; here they are one op. It refuses what one
# of them refuses, or takes what one of them takes.
OVERLOADED = {"clamp_min", "clamp_max", "lerp", "matmul", "linalg.matmul", "median", "nanmedian",
              "lu", "mean", "nansum", "nanmean", "var", "std"}  # fmt: skip
# What these refuse they call by names of their own kernels.
OWN_WORDS = {"chain_matmul", "diag", "fft.fftfreq", "fft.rfftfreq", "heaviside", "nanquantile",
             "linalg.matrix_power"}  # fmt: skip
# Resized, torch lays these out as its library of linear algebra left them.
BY_COLUMN = {"cholesky", "cholesky_inverse", "cholesky_solve", "geqrf", "lu", "lu_solve", "ormqr",
             "qr", "kron", "triangular_solve", "quantile", "nanquantile", "nonzero",
             "chain_matmul"}  # fmt: skip
# torch reads what it has already written.
READ_LATE = {"linalg.lu", "linalg.matrix_power", "lu_unpack", "tril", "triu", "softmax",
             "log_softmax"}  # fmt: skip


def takes_out(op):
    return (op.out or "out" in parameters(op.fn)) and cases.has_samples(op)


NAMES = [n for n, o in OPS.items() if takes_out(o) and n not in DRAWN]


@functools.cache
def pairs(name):
    return list(found_pairs(name))


def found_pairs(name):
    """(franken's function, torch's, a sample that torch takes with `out=`), at most two."""
    case = cases.Case(name, "declared", OPS[name])
    ours, theirs = case.functions(OURS, THEIRS)
    if theirs is None:
        return
    for dtype in ("float32", "int64"):
        found = 0
        for sample in case.samples(dtype, 8, OURS, THEIRS):
            try:
                taken = forms.report(THEIRS, theirs, sample, forms.fresh)
            except (RuntimeError, TypeError, ValueError, NotImplementedError):
                continue
            if isinstance(taken, list) and found < 2:
                found += 1
                yield ours, theirs, sample
        if found:
            return


def agree(ours, theirs, layout=True):
    """Whether two reports say the same; values up to rounding."""
    if not (isinstance(ours, list) and isinstance(theirs, list)):
        return ours == theirs
    if ours[0] != theirs[0]:
        return False
    for x, y in zip(ours[1], theirs[1], strict=True):
        left, right = list(x[:-1]), list(y[:-1])
        if not layout:
            left[3:5] = right[3:5] = []
        if left != right:
            return False
        half = "16" in str(left) or "complex32" in str(left)
        tolerance = {"rtol": 2e-3, "atol": 1e-3} if half else {"rtol": 1e-4, "atol": 1e-5}
        np.testing.assert_allclose(x[-1], y[-1], **tolerance)
    return True


WRITTEN = {f.__name__: f for f in (forms.fresh, forms.window, forms.turned, forms.own)}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("name", NAMES)
def test_targets_are_written_where_they_lie(name, form):
    if form in ("window", "turned") and name in GAPS_LOST:
        form = "fresh"
    if form == "own" and name in READ_LATE:
        form = "fresh"
    for ours, theirs, sample in pairs(name):
        want = forms.report(THEIRS, theirs, sample, WRITTEN[form])
        assert agree(forms.report(OURS, ours, sample, WRITTEN[form]), want, name not in OWN_LAYOUT)


RESIZED = {f.__name__: f for f in (forms.empty, forms.short, forms.shorter_view)}


@pytest.mark.parametrize("form", RESIZED)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in SILENT])
def test_targets_of_a_wrong_shape_are_resized(name, form):
    for ours, theirs, sample in pairs(name):
        want = forms.report(THEIRS, theirs, sample, RESIZED[form])
        got = forms.report(OURS, ours, sample, RESIZED[form])
        assert agree(got, want, name not in BY_COLUMN and "linalg" not in name)


DTYPES = ("float64", "int64", "bool", "complex64", "int8", "float16")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in OVERLOADED])
def test_targets_of_another_dtype(name, dtype):
    form = forms.other_kind(dtype)
    for ours, theirs, sample in pairs(name):
        want = forms.report(THEIRS, theirs, sample, form)
        got = forms.report(OURS, ours, sample, form)
        if name in OWN_WORDS and isinstance(want, tuple):
            assert isinstance(got, tuple) or name.endswith("fftfreq")
        else:
            assert agree(got, want, name not in OWN_LAYOUT)


@pytest.mark.parametrize("name", NAMES)
def test_targets_that_show_one_place_twice_are_refused(name):
    assert refusals(name, forms.expanded) <= {
        "unsupported operation: more than one element of the written-to ten"
    }


@pytest.mark.parametrize("name", NAMES)
def test_targets_that_require_grad_are_refused(name):
    assert all("functions with out" in words for words in refusals(name, forms.grows))


def refusals(name, form):
    """How franken refuses that form; a target that it takes is a refusal of its own."""
    reports = [forms.report(OURS, ours, sample, form) for ours, _, sample in pairs(name)]
    return {r[1][:66] if isinstance(r, tuple) else "taken" for r in reports if r is not None}


# --- under transforms: memory is written as it is, so nobody may have a part in it ---

WRITING = {
    "exp": lambda T, x, out: T.exp(x, out=out), "add": lambda T, x, out: T.add(x, 1, out=out),
    "cumsum": lambda T, x, out: T.cumsum(x, 0, out=out),
    "floor": lambda T, x, out: T.floor(x, out=out),
    "eq": lambda T, x, out: T.eq(x, 1, out=out),
}  # fmt: skip


def _dual(T, f, x):
    fw = T.autograd.forward_ad
    with fw.dual_level():
        return f(fw.make_dual(x, x))


INSIDE = {
    "jvp": lambda T, f, x: T.func.jvp(f, (x,), (x,)),
    "dual": _dual,
    "vmap": lambda T, f, x: T.func.vmap(f)(x.expand(2, 3)),
    "jvp in vmap": lambda T, f, x: T.func.vmap(lambda y: T.func.jvp(f, (x,), (x,))[1] + y)(
        x.expand(2, 3)
    ),
    "vmap in jvp": lambda T, f, x: T.func.jvp(lambda y: T.func.vmap(f)(y.expand(2, 3)), (x,), (x,)),
}
WHERE = {
    "into new memory": lambda T, op, x: op(T, x, T.zeros(3)),
    "from a constant": lambda T, op, x: op(T, T.ones(3), x * 1),
    "constants alone": lambda T, op, x: op(T, T.ones(3), T.zeros(3)) + x,
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("name", WRITING)
def test_out_under_transforms(agree, name, inside, where):
    words = 10 if "vmap" not in inside else 5  # overloads have names of their own
    agree(
        lambda T: INSIDE[inside](T, lambda x: WHERE[where](T, WRITING[name], x), T.arange(3.0) + 1),
        words=words,
    )


def test_what_has_no_derivative_may_be_written_from_what_wants_one(agree):
    def program(T):
        a = T.ones(2, requires_grad=True)
        return T.eq(a, 1, out=T.zeros(2))

    assert agree(program)[0] == "value"
    agree(lambda T: T.floor(T.ones(2, requires_grad=True), out=T.zeros(2)), words=10)
