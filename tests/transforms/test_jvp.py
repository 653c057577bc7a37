"""Forward mode by transposition: no op of the registry loses a tangent without a word.

The calls are those that the samples of all ops make, forward and backward twice, so gradient
primitives are among them.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import franken as torch
from franken.core import primitive as core_bind
from franken.core.errors import MissingRule
from franken.core.op import OPS
from franken.core.primitive import NOT_DIFFERENTIABLE, PRIMITIVES, Primitive, bind
from franken.core.state import set_attribute
from franken.ops.declaring.loop import loop
from franken.ops.declaring.samples import Maker
from franken.transforms.jvp import transposed_twice

EACH = 3  # calls of a primitive that are looked at
LARGEST = 300  # elements of a call's inputs


def inexact(value):
    return isinstance(value, torch.Tensor) and (
        value.dtype.is_floating_point or value.dtype.is_complex
    )


class Calls(core_bind.Observer, dict):
    """Notes distinct calls of each primitive: {name: [(args, params)]}."""

    def __init__(self):
        self.seen = set()

    def __call__(self, prim, args, params, grad):
        out = core_bind.eager(prim, args, params, grad)
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        key = (prim.name, repr(params), *[tuple(a.shape) for a in tensors])
        here = self.setdefault(prim.name, [])
        size = sum(a.numel() for a in tensors)
        if (
            len(here) < EACH and key not in self.seen and 0 < size < LARGEST
            and any(map(inexact, tensors)) and not prim.random
        ):  # fmt: skip
            self.seen.add(key)
            kept = [a.detach().clone() if isinstance(a, torch.Tensor) else a for a in args]
            here.append((tuple(kept), dict(params)))
        return out


def twice(fn, args, kwargs):
    """Run a sample and its gradient's gradient, which makes the calls worth noting."""
    out = fn(*args, **kwargs)
    outs = [o for o in (out if isinstance(out, (tuple, list)) else (out,)) if inexact(o)]
    leaves = [a for a in [*args, *kwargs.values()] if inexact(a) and a.requires_grad]
    for _ in range(2):
        outs = [o for o in outs if o.requires_grad]
        if not outs or not leaves:
            return
        outs = torch.autograd.grad(
            outs, leaves, [torch.ones_like(o) for o in outs], create_graph=True, allow_unused=True
        )
        outs = [o for o in outs if o is not None]


@pytest.fixture(scope="module")
def calls():
    noted = Calls()
    before = set_attribute("recorder", noted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for op in OPS.values():
                if not callable(op.samples):
                    continue
                fn = op.function if op.at else op.fn
                for args, kwargs, *_ in op.samples(Maker(torch, torch.float64)):
                    try:
                        twice(fn, args, kwargs)
                    except (RuntimeError, TypeError, ValueError, IndexError):
                        continue  # refused for this dtype, or without second derivatives
    finally:
        set_attribute("recorder", before)
    return noted


def noise(like, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=tuple(like.shape))
    if like.dtype.is_complex:
        values = values + 1j * rng.normal(size=tuple(like.shape))
    return torch.tensor(values).to(like.dtype)


def inner(pairs):
    """Re sum <a, b>; None is zero."""
    return sum(
        float(np.real(np.vdot(np.broadcast_to(a.numpy(force=True), b.shape), b.numpy(force=True))))
        for a, b in pairs if a is not None and b is not None
    )  # fmt: skip


def as_tuple(value):
    return value if type(value) is tuple else (value,)


def live_outputs(prim, out):
    return {k: o for k, o in enumerate(as_tuple(out)) if inexact(o) and k not in prim.nondiff}


def pushed(prim, args, params, i, tangent):
    """{output: tangent} of input i by transposition, whether or not the op has its own rule."""
    out = bind(prim, args, params)
    tangents = [None] * len(args)
    tangents[i] = tangent
    got = as_tuple(transposed_twice(prim, tangents, out, list(args), params))
    return {k: got[k] for k in live_outputs(prim, out)}


def pulled(prim, args, params, i, cotangents):
    """The cotangent of input i by the op's rule."""
    leaf = args[i].detach().clone().requires_grad_(True)
    out = bind(prim, (*args[:i], leaf, *args[i + 1 :]), params)
    outs = [(o, cotangents[k]) for k, o in live_outputs(prim, out).items() if o.requires_grad]
    if not outs:
        return None
    return torch.autograd.grad([o for o, _ in outs], leaf, [c for _, c in outs],
                               allow_unused=True)[0]  # fmt: skip


REFUSED = (
    "not implemented", "not computed when mode", "not differentiable when mode",
    "specified up to multiplication",
)  # fmt: skip


def refusal(error):
    return isinstance(error, MissingRule) or any(w in str(error) for w in REFUSED)


def mismatch(prim, args, params, i):
    """What is wrong with the transposed tangent of input i: <c, J t> is not <J* c, t>."""
    tangent = noise(args[i], i)
    try:
        got = pushed(prim, args, params, i, tangent)
        live = live_outputs(prim, bind(prim, args, params))
        cots = {k: noise(o, 50 + k) for k, o in live.items()}
        back = pulled(prim, args, params, i, cots)
    except RuntimeError as error:
        return None if refusal(error) else f"{type(error).__name__}: {error}"
    forward = inner((t, cots[k]) for k, t in got.items())
    reverse = inner([(back, tangent)])
    if not (np.isfinite(forward) and np.isfinite(reverse)):
        return None if np.isfinite(forward) == np.isfinite(reverse) else (forward, reverse)
    scale = 1 + abs(reverse)
    return None if abs(forward - reverse) <= 1e-7 * scale else (forward, reverse)


def test_transposition_agrees_with_the_cotangent_rule_for_every_primitive(calls):
    wrong, count = {}, 0
    for name, made in calls.items():
        prim = PRIMITIVES[name]
        for args, params in made if prim.differentiable else ():
            for i, a in enumerate(args):
                if not inexact(a):
                    continue
                count += 1
                found = mismatch(prim, args, params, i)
                if found is not None:
                    wrong.setdefault(name, []).append((i, found))
    assert not wrong
    assert count > 500


# copy needs an overlapping write to be recorded, to_device a second device.
# no sample copies between devices; zero_nan is only used in derivatives of nansum, view_scatter
# where a write into a view is traced.
# once_derived refuses its own. Those of in-place forms whose derivative torch lacks are refused:
# see tests/ops/test_refusals.py.
UNREACHED = {"acosh_", "asinh_", "atanh_", "copy", "once_derived", "to_device",
             "view_scatter", "zero_nan"}  # fmt: skip
# To, from and between layouts: no samples of the strided ops, see tests/sparse; alias serves
# as_subclass.
UNREACHED |= {"alias", "coalesce", "embedding_sparse", "gather_sparse", "sparse_addmm",
              "sparse_common", "sparse_compressed", "sparse_coo", "sparse_mask", "sparse_masked",
              "sparse_pick", "sparse_softmax", "sparse_sparse_matmul", "sparse_sum", "to_dense",
              "to_sparse", "to_sparse_compressed", "values", "with_values"}  # fmt: skip


def test_the_samples_reach_every_differentiable_primitive(calls):
    # index_2 and index_3 are one rule: indexing makes a primitive for each number of index tensors
    reached = {re.sub(r"_\d+$", "", name) for name, made in calls.items() if made}
    missed = {
        p.name for p in PRIMITIVES.values()
        if p.differentiable and not p.random and re.sub(r"_\d+$", "", p.name) not in reached
    }  # fmt: skip
    assert missed - UNREACHED == set()


# --- finite differences, where an op has no tangent rule of its own -------------------------------

STEP = 1e-6
HERMITIAN = {"linalg_cholesky", "linalg_eigh", "linalg_eigvalsh"}  # one triangle is read
ELSEWHERE = {
    ("linalg_eig", 0): "vectors have a free phase",
    ("ctc", 0): "the derivative is that of scores before log_softmax, as in torch",
    ("ctc_grad", 6): "a function of x, whose derivative is refused",
    ("cross_entropy_grad", 1): "its derivative includes that of sums and total",
    ("cross_entropy_grad", 3): "class weights have no derivative, as in torch",
    ("cross_entropy_grad", 4): "a function of x, in whose derivative it is",
    ("cross_entropy_grad", 5): "a function of x, in whose derivative it is",
    ("normalize_fixed", 3): "running statistics have no derivative",
    ("normalize_fixed", 4): "running statistics have no derivative",
}


def direction(prim, i, like):
    t = noise(like, i)
    if prim.name in HERMITIAN:
        return (t + t.mH) / 2
    return t


def away(prim, args, params, i):
    """How far the transposed tangent is from central differences."""
    t = direction(prim, i, args[i])
    if prim.name == "cholesky_solve" and i == 1:
        t = t.triu() if params["upper"] else t.tril()
    try:
        got = pushed(prim, args, params, i, t)
    except RuntimeError as error:
        if refusal(error):
            return 0.0
        raise
    hi, lo = (
        as_tuple(bind(prim, (*args[:i], args[i] + h * t, *args[i + 1 :]), params))
        for h in (STEP, -STEP)
    )
    worst = 0.0
    for k, j in got.items():
        slope = ((hi[k] - lo[k]) / (2 * STEP)).numpy()
        exact = np.zeros(slope.shape) if j is None else j.numpy()
        gap = np.abs(slope - exact) / (1 + np.abs(slope).max(initial=0))
        worst = max(worst, float(gap.max(initial=0)))
    return worst


def partial(args, params):
    """Only some outputs have a derivative: R without Q, the vectors of a null space."""
    return params.get("mode") == "r" or params.get("full") and len({*args[0].shape[-2:]}) == 2


def test_transposed_tangents_are_those_of_finite_differences(calls):
    far, count = {}, 0
    for name, made in calls.items():
        prim = PRIMITIVES[name]
        for args, params in made if prim.differentiable and prim.jvps is None else ():
            for i, a in enumerate(args):
                if not inexact(a) or (name, i) in ELSEWHERE or partial(args, params):
                    continue
                count += 1
                gap = away(prim, args, params, i)
                if not gap < 1e-6:
                    far.setdefault(name, []).append((i, params, gap))
    assert not far
    assert count > 60


# --- what is lost must be said --------------------------------------------------------------------


@pytest.fixture
def declare():
    """Declare primitives for one test."""
    made = []

    def one(name, kernel, inputs=("x",)):
        made.append(name)
        return Primitive(name, inputs, kernel, batch=loop)

    yield one
    for name in made:
        del PRIMITIVES[name]


def doubled(declare, rule):
    prim = declare("test_doubled", lambda x: x * 2)
    prim.vjp("x")(rule)
    return torch.func.jvp(prim, (torch.ones(2),), (torch.ones(2),))[1]


def test_a_gradient_primitive_without_a_rule_is_named(declare):
    slope = declare("test_slope", lambda g: g * 2).not_differentiable()
    with pytest.raises(MissingRule, match="test_slope has no vjp rule; forward mode of test_doub"):
        doubled(declare, lambda g: slope(g))


def test_nothing_is_lost_silently_beside_other_terms(declare):
    slope = declare("test_slope", lambda g: g).not_differentiable()
    with pytest.raises(MissingRule):
        doubled(declare, lambda g: g + slope(g))


def test_an_input_that_is_said_not_to_matter_must_not_hold_the_cotangent(declare):
    first = declare("test_first", lambda x, y: x + 2 * y, inputs=("x", "y"))
    first.vjp("x")(lambda g: g)
    first.vjp("y")(NOT_DIFFERENTIABLE)
    with pytest.raises(MissingRule, match="input 'y'"):
        doubled(declare, lambda g: first(g, g))


def test_the_ops_own_refusal_is_kept(declare):
    slope = declare("test_slope", lambda g: g * 2)

    @slope.vjp("x")
    def _(g):
        raise RuntimeError("derivative for test_slope is not implemented")

    with pytest.raises(RuntimeError, match="^derivative for test_slope"):
        doubled(declare, lambda g: slope(g))


def test_a_ruled_gradient_primitive_is_transposed(declare):
    slope = declare("test_slope", lambda g: g * 2)
    slope.vjp("x")(lambda g: g * 2)
    assert doubled(declare, lambda g: slope(g)).tolist() == [2, 2]


@pytest.mark.parametrize(
    "rule",
    [
        lambda g: torch.zeros_like(g),  # a constant made like the cotangent
        lambda g: g.new_zeros(g.shape),
        lambda g: None,
        lambda g: g * 0,
    ],
    ids=["zeros_like", "new_zeros", "none", "times zero"],
)
def test_a_tangent_that_is_truly_zero_is_legal(declare, rule):
    assert doubled(declare, rule).tolist() == [0, 0]


def test_asking_where_the_cotangent_is_nan_is_legal(declare):
    assert doubled(declare, lambda g: g * 2 + (g != g) * g).tolist() == [2, 2]


def test_piecewise_constant_ops_have_zero_tangents():
    x, t = torch.tensor([0.5, 1.5]), torch.ones(2)
    for f in (torch.floor, torch.sign, torch.round):
        assert torch.func.jvp(f, (x,), (t,))[1].tolist() == [0, 0]


def test_outputs_without_derivative_do_not_raise():
    a = torch.eye(2) * 2
    inverse, info = torch.func.jvp(torch.linalg.inv_ex, (a,), (torch.eye(2),))[1]
    assert inverse.tolist() == [[-0.25, 0], [0, -0.25]]
    assert info.tolist() == 0


def ctc(x):
    return torch.nn.functional.ctc_loss(
        x.log_softmax(-1), torch.tensor([[1, 2]]), (4,), (2,), reduction="sum"
    )


@pytest.mark.parametrize("transform", [torch.func.jacfwd, torch.func.jacrev])
def test_second_derivatives_of_ctc_are_refused(transform):
    """As in torch: it has a first derivative only (zeros came, for 0.1)."""
    x = torch.randn(4, 1, 3, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="^derivative for aten::_ctc_loss_backward is not impl"):
        transform(torch.func.grad(ctc))(x)


def test_double_backward_of_ctc_is_refused():
    x = torch.randn(4, 1, 3, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(ctc(x), x, create_graph=True)
    with pytest.raises(RuntimeError, match="^derivative for aten::_ctc_loss_backward is not impl"):
        g.square().sum().backward()


PIVOTS, ONES = torch.tensor([1, 2], dtype=torch.int32), torch.ones(2, 1)
REFUSING = [
    (lambda a: torch.geqrf(a)[0], NotImplementedError, "the derivative for 'geqrf'"),
    (lambda a: torch.linalg.ldl_factor(a)[0], RuntimeError, "aten::linalg_ldl_factor_ex"),
    (lambda a: torch.linalg.ldl_solve(a, PIVOTS, ONES), RuntimeError, "aten::linalg_ldl_solve"),
]


@pytest.mark.parametrize("k", range(len(REFUSING)))
def test_factorizations_without_derivative_refuse(k):
    f, kind, words = REFUSING[k]
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    with pytest.raises(kind, match=words):
        f(a).sum().backward()
    with pytest.raises(NotImplementedError, match="^Trying to use forward AD with "):
        torch.func.jvp(f, (a.detach(),), (torch.eye(2),))
