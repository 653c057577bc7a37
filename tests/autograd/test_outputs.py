"""Ops of several outputs of which only some are used: no cotangent is not a cotangent of zero.

Every op whose declaration makes several differentiable outputs is compared with torch, output by
output and pair by pair, at its samples and at degenerate inputs (zeros, the identity), where a
cotangent of zeros would turn into 0 / 0.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import franken
from franken.core.node import Node
from franken.core.primitive import PRIMITIVES, Primitive
from franken.engine.order import reachable

torch = pytest.importorskip("torch")

from conformance import checks  # noqa: E402
from conformance.cases import Case, collect  # noqa: E402
from conformance.oracle import Side  # noqa: E402
from conformance.values import tensors, to_numpy  # noqa: E402

OURS, THEIRS = Side(franken), Side(torch)

# Their bases are drawn at random, so that repeated singular values leave no common answer.
RANDOM = {"svd_lowrank", "pca_lowrank"}
# torch's answers that are no derivatives, by output: see the reasons.
TORCH_IS_WRONG = {
    # the cotangents of the statistics are dropped or mixed into that of the result
    "native_group_norm": {1, 2},
    # zeros for what the copied coefficient does not depend on, where others say None
    "triangular_solve": {1},
    # None for residuals without elements, although they require a gradient
    "linalg.lstsq": {1},
    # zeros for the cotangent of an output that is not used: NaN where its slope is infinite
    "_foreach_pow": {0, 1},
    # there is no derivative, though the ops it is made of have theirs
    "_foreach_powsum": {0, 1},
}
# Reached by second derivatives only: `test_gradients_of_fused_gradients`.
BACKWARDS = {
    "normalize_rows_grad", "normalize_channels_grad", "attention_grad", "grid_sample_grad",
    "lstm_layer_grad", "gru_layer_grad",
}  # fmt: skip


def identity(a: Any) -> Any:
    """The identity in the shape of an array."""
    if a.ndim < 2:
        return np.ones_like(a)
    return np.broadcast_to(np.eye(*a.shape[-2:]), a.shape).astype(a.dtype)


FILLS = {"as is": lambda a: a, "zeros": np.zeros_like, "eye": identity}


def pairs(name: str, kinds: tuple[str, ...]) -> Any:
    """(pair, number of differentiable outputs) of an op's samples that have several."""
    (case,) = [c for c in CASES if c.name == name]
    fns = case.functions(OURS, THEIRS)
    for dtype in kinds:
        try:
            samples = case.samples(dtype, 8, OURS, THEIRS)
        except (RuntimeError, TypeError, NotImplementedError):  # not for this dtype
            continue
        for sample in samples:
            pair = checks.Pair(replace(sample, post=None), fns, OURS, THEIRS)
            if sample.wants_grad() and pair.refusal() is None:
                f, primals = pair.differentiable(THEIRS)
                try:
                    count = sum(o.requires_grad for o in f(*primals))
                except RuntimeError:  # without gradients only
                    continue
                if count > 1:
                    yield pair, count


CASES: list[Case] = [
    c for c in collect(source="declared") if None not in c.functions(OURS, THEIRS)
]  # fmt: skip


def gradients(pair: Any, side: Side, chosen: tuple[int, ...]) -> list[Any]:
    """Gradients of a loss of the chosen outputs' magnitudes, which no free phase changes.

    A refusal, of a mode without a derivative, is no gradient.
    """
    f, primals = pair.differentiable(side)
    outs = [o for o in f(*primals) if o.requires_grad]
    losses = [outs[i].abs() for i in chosen]
    cots = [checks.cotangent(side, loss, i) for loss, i in zip(losses, chosen, strict=True)]
    try:
        got = side.grad(losses, primals, cots)
    except RuntimeError:
        return []
    return [None if g is None else to_numpy(g.detach()) for g in got]


def differences(pair: Any, chosen: tuple[int, ...]) -> list[Any]:
    """Where the gradients differ: what torch says and what franken does."""
    want, got = (gradients(pair, side, chosen) for side in (THEIRS, OURS))
    if len(want) != len(got):
        return [(want, got)]
    return [(w, g) for w, g in zip(want, got, strict=True) if not alike(w, g)]


def alike(a: Any, b: Any) -> bool:
    """Whether two gradients are the same; None only equals None."""
    if a is None or b is None:
        return a is b
    return np.allclose(a, b, rtol=1e-6, atol=1e-8, equal_nan=True)


@pytest.fixture(scope="module")
def names() -> list[str]:
    """The ops that have a sample with more than one differentiable output."""
    found = [c.name for c in CASES if c.name not in RANDOM and any(pairs(c.name, ("float64",)))]
    assert len(found) > 30
    return found


def wrong_outputs(name: str) -> list[Any]:
    """The outputs and pairs of an op whose gradient is not torch's."""
    found = []
    skipped = TORCH_IS_WRONG.get(name, set())
    for pair, count in pairs(name, ("float64", "complex128")):
        outputs = [i for i in range(count) if i not in skipped]
        leaves = [t for t in tensors([pair.sample.args, pair.sample.kwargs]) if t.grad]
        arrays = [t.array for t in leaves]
        for how, fill in FILLS.items():
            for leaf, a in zip(leaves, arrays, strict=True):
                object.__setattr__(leaf, "array", fill(a))
            if pair.refusal() is not None:
                continue
            for chosen in [(i,) for i in outputs] + list(itertools.combinations(outputs, 2))[:6]:
                with np.errstate(all="ignore"):
                    found += [(how, chosen, *d) for d in differences(pair, chosen)]
    return found


def test_each_output_and_each_pair(names: list[str]) -> None:
    """The gradient of every single output and of every pair is torch's."""
    wrong = {name: found for name in names if (found := wrong_outputs(name))}
    assert not wrong


def differentiable_outputs(prim: Primitive) -> bool:
    """Whether a primitive may have several outputs with a derivative."""
    return prim.differentiable and (prim.outputs == 0 or prim.outputs - len(prim.nondiff) > 1)


def test_every_primitive_of_several_outputs_is_reached(names: list[str]) -> None:
    """What the tests above went through is all that there is."""
    reached = set()
    for name in names:
        for pair, _ in pairs(name, ("float64",)):
            f, primals = pair.differentiable(OURS)
            roots = [o.grad_fn for o in f(*primals) if o.grad_fn is not None]
            reached |= {n.prim.name for n in reachable(roots) if isinstance(n, Node)}
    declared = {
        n for n, p in PRIMITIVES.items() if differentiable_outputs(p) and not n.startswith("test_")
    }
    refused = {"linalg_geqrf"}  # has no derivative, in torch neither
    assert declared - refused - BACKWARDS <= reached
    assert declared >= BACKWARDS | refused


def recurrent(name: str, m: Any, x: Any, w: Any, b: Any) -> Any:
    """A layer of one hidden unit over rows that come first."""
    rows = {"lstm": 4, "gru": 3}[name]
    w, state = w[:rows], x.new_zeros(1, 2, 1)
    params = [m.outer(w, b), w[:, None], b[:rows], w * b[:rows]]
    start = (state, state) if name == "lstm" else state
    return getattr(m, name)(x, start, params, True, 1, 0.0, False, False, True)[0]


FUSED = {
    "lstm": lambda m, x, w, b: recurrent("lstm", m, x, w, b),
    "gru": lambda m, x, w, b: recurrent("gru", m, x, w, b),
    "layer_norm": lambda m, x, w, b: m.nn.functional.layer_norm(x, (4,), w, b),
    "group_norm": lambda m, x, w, b: m.nn.functional.group_norm(x.mT, 2, w, b),
    "batch_norm": lambda m, x, w, b: m.nn.functional.batch_norm(
        x.reshape(-1, 4), None, None, w, b, True
    ),
    "attention": lambda m, x, w, b: m.nn.functional.scaled_dot_product_attention(
        x, x * w, x + b
    ),
    "grid_sample": lambda m, x, w, b: m.nn.functional.grid_sample(
        (x * w).reshape(2, 1, 3, 4), (x + b).reshape(2, 3, 2, 2), align_corners=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", FUSED)
def test_gradients_of_fused_gradients(name: str, zero: bool) -> None:
    """A fused backward is an op of several outputs too; each of them is used alone."""
    rng = np.random.default_rng(3)
    arrays = [rng.uniform(-0.9, 0.9, s) for s in ((2, 3, 4), (4,), (4,))]
    if zero:
        arrays[0] = np.full((2, 3, 4), 0.3)
    for chosen in [(0,), (1,), (2,), (0, 1), (1, 2)]:
        got = []
        for side in (THEIRS, OURS):
            m = side.module
            leaves = [m.tensor(a, requires_grad=True) for a in arrays]
            out = FUSED[name](m, *leaves)
            g = checks.cotangent(side, out, 0).requires_grad_()
            first = side.grad([out], leaves, [g], True)
            loss = sum((first[i] * checks.cotangent(side, first[i], i)).sum() for i in chosen)
            got.append(side.grad([loss], [*leaves, g], [m.ones((), dtype=m.float64)]))
        for want, have in zip(*got, strict=True):
            if want is not None or have is not None:
                zeros = np.zeros(tuple((have if want is None else want).shape))
                a, b = (zeros if t is None else to_numpy(t.detach()) for t in (want, have))
                np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-8)


def test_a_rule_must_say_which_outputs_it_is_for() -> None:
    """With several differentiable outputs, a rule that takes all cotangents is refused."""
    prim = Primitive("test_both", ("x",), lambda x: (x, x), outputs=2)
    try:
        with pytest.raises(ValueError, match="g0, g1"):
            prim.vjp("x")(lambda g: g[0])
    finally:
        del PRIMITIVES["test_both"]
