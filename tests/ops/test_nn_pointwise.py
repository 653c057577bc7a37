"""Activations, losses, embedding, dropout and distances against torch.

One row a case: (name, call, arrays). `call(L, F, *tensors)` is run with torch and with franken on
the same float64 numbers: value, gradients of both orders, jvp; and vmap against a loop.
"""

from __future__ import annotations

import numpy as np
import pytest

import franken
import franken.nn.functional as functional
from franken.transforms.api import grad, jvp, vmap

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
TF = torch.nn.functional
RNG = np.random.default_rng(0)


def _x(*shape):
    return RNG.normal(size=shape) * 1.5


def _p(*shape):
    return RNG.uniform(0.1, 0.9, shape)


def _one(name, **kwargs):
    return lambda L, F, x, *rest: getattr(F, name)(x, *rest, **kwargs)


ACTIVATIONS = [
    ("relu", {}), ("relu6", {}), ("leaky_relu", {"negative_slope": 0.2}), ("elu", {"alpha": 1.3}),
    ("leaky_relu", {"negative_slope": 2.0}), ("celu", {"alpha": 0.7}), ("selu", {}), ("gelu", {}),
    ("gelu", {"approximate": "tanh"}), ("silu", {}), ("mish", {}), ("softplus", {"beta": 2.0}),
    ("softplus", {"threshold": 1.0}), ("softsign", {}), ("tanhshrink", {}), ("hardtanh", {}),
    ("hardsigmoid", {}), ("hardswish", {}), ("hardshrink", {"lambd": 0.3}),
    ("softshrink", {"lambd": 0.4}), ("glu", {}), ("glu", {"dim": 0}), ("logsigmoid", {}),
    ("rrelu", {}), ("threshold", {"threshold": 0.1, "value": 7.0}), ("sigmoid", {}), ("tanh", {}),
]  # fmt: skip
LOSSES = [
    ("mse_loss", {}), ("mse_loss", {"reduction": "none"}), ("l1_loss", {"reduction": "sum"}),
    ("smooth_l1_loss", {"beta": 0.7}), ("smooth_l1_loss", {"beta": 0.0}),
    ("huber_loss", {"delta": 0.8}), ("binary_cross_entropy_with_logits", {}),
    ("kl_div", {"log_target": True}), ("poisson_nll_loss", {}),
    ("multilabel_soft_margin_loss", {}), ("pairwise_distance", {"p": 3.0}),
    ("cosine_similarity", {"dim": -1}), ("pairwise_distance", {"keepdim": True}),
]  # fmt: skip
CASES = [
    *((name, _one(name, **kwargs), (_x(4, 6),)) for name, kwargs in ACTIVATIONS),
    *((name, _one(name, **kwargs), (_x(3, 4), _x(3, 4))) for name, kwargs in LOSSES),
    ("prelu", _one("prelu"), (_x(2, 3, 4), _x(3))),
    ("prelu_shared", _one("prelu"), (_x(2, 3), _x(1))),
    ("binary_cross_entropy", lambda L, F, x, w: F.binary_cross_entropy(
        x, L.ones_like(x) * 0.3, w.detach()), (_p(3, 4), _p(3, 4))),
    ("positives", lambda L, F, x, y, w: F.binary_cross_entropy_with_logits(
        x, y, pos_weight=w.detach()), (_x(3, 4), _p(3, 4), _p(4))),
    ("soft_margin", lambda L, F, x: F.soft_margin_loss(x, L.ones_like(x)), (_x(3, 4),)),
    ("kl_div", _one("kl_div", reduction="batchmean"), (_x(3, 4), _p(3, 4))),
    ("gaussian", _one("gaussian_nll_loss", full=True), (_x(3, 4), _x(3, 4), _p(3, 4))),
    ("triplet", _one("triplet_margin_loss", swap=True), (_x(3, 4), _x(3, 4), _x(3, 4))),
    ("ranking", lambda L, F, x, y: F.margin_ranking_loss(x, y, L.ones_like(x), 0.1),
     (_x(3, 4), _x(3, 4))),
    ("hinge", lambda L, F, x: F.hinge_embedding_loss(x, L.tensor([1, -1, 1, -1])), (_x(3, 4),)),
    ("cosine", lambda L, F, x, y: F.cosine_embedding_loss(x, y, L.tensor([1, -1, -1])),
     (_x(3, 4), _x(3, 4))),
    ("multi_margin", lambda L, F, x, w: F.multi_margin_loss(
        x, L.tensor([1, 0, 3]), 2, 1.0, w.detach()),
     (_x(3, 4), _p(4))),
    ("multilabel_margin", lambda L, F, x: F.multilabel_margin_loss(
        x, L.tensor([[1, 3, -1, 0], [0, -1, 2, 2], [-1, 1, 1, 1]])), (_x(3, 4),)),
    ("nll", lambda L, F, x, w: F.nll_loss(x, L.tensor([1, 0, 3]), w.detach(), ignore_index=0),
     (_x(3, 4), _p(4))),
    ("cross_entropy", lambda L, F, x: F.cross_entropy(x, L.tensor([1, 0, 3]), ignore_index=0,
                                                      label_smoothing=0.1), (_x(3, 4),)),
    ("entropy_weights", lambda L, F, x, w: F.cross_entropy(x, L.tensor([1, 0, 3]), w.detach()),
     (_x(3, 4), _p(4))),
    ("entropy_soft", lambda L, F, x, t: F.cross_entropy(x, t, label_smoothing=0.2),
     (_x(3, 4), _p(3, 4))),
    ("linear_entropy", lambda L, F, x, w: F.linear_cross_entropy(x, w, L.tensor([1, 0, 3])),
     (_x(3, 4), _x(5, 4))),
    ("embedding", lambda L, F, w: F.embedding(L.tensor([[1, 2, 1], [0, 1, 4]]), w, 2,
                                              scale_grad_by_freq=True), (_x(5, 3),)),
    ("bag_sum", lambda L, F, w, s: F.embedding_bag(
        L.tensor([1, 2, 1, 0]), w, L.tensor([0, 3, 3]), mode="sum", per_sample_weights=s),
     (_x(5, 3), _x(4))),
    ("bag_mean", lambda L, F, w: F.embedding_bag(L.tensor([[1, 2], [0, 2]]), w, padding_idx=2),
     (_x(5, 3),)),
    ("cdist", lambda L, F, x, y: L.cdist(x, y), (_x(2, 3, 4), _x(2, 5, 4))),
    ("cdist_product", lambda L, F, x, y: L.cdist(x, y), (_x(30, 4), _x(3, 4))),
    ("cdist_1", lambda L, F, x, y: L.cdist(x, y, p=1.0), (_x(3, 4), _x(5, 4))),
    ("pdist", lambda L, F, x: F.pdist(x, 3.0), (_x(4, 3),)),
]  # fmt: skip
# torch has no second derivative of these
ONCE = {"cdist", "cdist_product", "cdist_1", "pdist", "bag_sum", "bag_mean", "rrelu",
        "multi_margin", "multilabel_margin", "embedding", "hardsigmoid"}  # fmt: skip
NO_JVP = ONCE | {"binary_cross_entropy"}  # nor forward derivatives
IDS = [f"{i}-{c[0]}" for i, c in enumerate(CASES)]


def _orders(L, F, call, arrays, twice):
    tensors = [L.tensor(a, requires_grad=True) for a in arrays]
    y = call(L, F, *tensors)
    first = L.autograd.grad((y * y).sum(), tensors, create_graph=twice, allow_unused=True)
    out = [y, *first]
    if twice:
        total = sum((g * g).sum() for g in first if g is not None)
        if total.requires_grad:
            out += L.autograd.grad(total, tensors, allow_unused=True)
    return [None if t is None else t.detach().numpy() for t in out]


@pytest.mark.parametrize(("name", "call", "arrays"), CASES, ids=IDS)
def test_values_and_gradients_match_torch(name, call, arrays):
    want = _orders(torch, TF, call, arrays, name not in ONCE)
    got = _orders(franken, functional, call, arrays, name not in ONCE)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        if w is None or g is None:  # "no gradient" and zeros are the same
            assert not np.any(g if w is None else w)
        else:
            np.testing.assert_allclose(g, w, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("name", "call", "arrays"), CASES, ids=IDS)
def test_jvp_matches_torch(name, call, arrays):
    if name in NO_JVP:
        return _check_jvp_by_difference(call, arrays)
    moves = [np.cos(np.arange(a.size)).reshape(a.shape) for a in arrays]
    results = []
    for L, F, push in ((torch, TF, torch.func.jvp), (franken, functional, jvp)):
        args = tuple(map(L.tensor, arrays)), tuple(map(L.tensor, moves))
        results.append(push(lambda *t, L=L, F=F: call(L, F, *t), *args)[1].numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-7, atol=1e-9)


def _check_jvp_by_difference(call, arrays):
    moves = [np.zeros_like(a) for a in arrays]
    moves[0] = np.cos(np.arange(arrays[0].size)).reshape(arrays[0].shape)

    def value(step):
        moved = [franken.tensor(a + step * m) for a, m in zip(arrays, moves, strict=True)]
        return call(franken, functional, *moved)

    args = tuple(map(franken.tensor, arrays)), tuple(map(franken.tensor, moves))
    tangent = jvp(lambda *t: call(franken, functional, *t), *args)[1].numpy()
    difference = (value(1e-6) - value(-1e-6)).numpy() / 2e-6
    np.testing.assert_allclose(tangent, difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "call", "arrays"), CASES, ids=IDS)
def test_vmap_of_value_and_gradient_is_the_loop(name, call, arrays):
    stacked = [np.stack([a, a * 0.9, a[::-1]]) for a in arrays]

    def loss(*tensors):
        return (call(franken, functional, *tensors) ** 2).sum()

    for fn in (lambda *t: call(franken, functional, *t), grad(loss)):
        got = vmap(fn)(*map(franken.tensor, stacked)).numpy()
        rows = [fn(*(franken.tensor(s[i].copy()) for s in stacked)).numpy() for i in range(3)]
        np.testing.assert_allclose(got, np.stack(rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (2, 5, 3)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_per_sample_gradients_are_the_loop(shape, reduction):
    x = RNG.normal(size=(6, *shape))
    t = RNG.integers(0, 5, (6, *shape[:-1]) if len(shape) == 2 else (6, *shape[:1], *shape[2:]))
    t = t[:, 0] if len(shape) == 1 else t

    def loss(a, b):
        return functional.cross_entropy(
            a, b, reduction=reduction, ignore_index=1, label_smoothing=0.1
        ).nansum()

    got = vmap(grad(loss))(franken.tensor(x), franken.tensor(t)).numpy()
    rows = zip(map(franken.tensor, x), map(franken.tensor, t), strict=True)
    want = [grad(loss)(a, b).numpy() for a, b in rows]
    np.testing.assert_allclose(got, np.stack(want), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("lengths", [([7, 5, 3], [3, 1, 0]), ([7, 5, 2], [3, 2, 3])])
def test_ctc_loss_matches_torch(reduction, lengths):
    x, t = RNG.normal(size=(7, 3, 5)), RNG.integers(1, 5, (3, 3))
    results = []
    for L, F in ((torch, TF), (franken, functional)):
        a = L.tensor(x, requires_grad=True)
        y = F.ctc_loss(a.log_softmax(-1), L.tensor(t), *lengths, reduction=reduction,
                       zero_infinity=True)  # fmt: skip
        y.sum().backward()
        results.append((y.detach().numpy(), a.grad.numpy()))
    for got, want in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)


RANDOM = [
    ("dropout", (3, 50), {}), ("dropout", (40, 3), {"p": 0.2}),
    ("alpha_dropout", (3, 50), {"training": True}),
    ("feature_alpha_dropout", (3, 50, 2), {"training": True}), ("dropout1d", (30, 4), {}),
    ("dropout2d", (3, 30, 2, 2), {}), ("dropout3d", (3, 30, 2, 2), {}),
    ("rrelu", (3, 50), {"training": True}), ("gumbel_softmax", (3, 50), {"hard": True}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "shape", "kwargs"), RANDOM)
def test_random_numbers_are_those_of_torch(name, shape, kwargs, dtype):
    x = np.asarray(_x(*shape), dtype)
    results = []
    for L, F in ((torch, TF), (franken, functional)):
        L.manual_seed(3)
        a = L.tensor(x, requires_grad=True)
        y = getattr(F, name)(a, **kwargs)
        y.sum().backward()
        results.append((y.detach().numpy(), a.grad.numpy()))
    for got, want in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


def test_dropout_noise_under_vmap_follows_randomness():
    x = franken.ones(4, 64)
    same = vmap(functional.dropout, randomness="same")(x)
    different = vmap(functional.dropout, randomness="different")(x)
    assert bool((same == same[0]).all())
    assert not bool((different == different[0]).all())
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(functional.dropout)(x)


def test_inplace_arguments_write_into_their_input():
    for name in ("relu", "elu", "silu", "hardswish", "leaky_relu", "selu", "dropout"):
        x = franken.randn(8)
        assert getattr(functional, name)(x, inplace=True) is x
    leaf = franken.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        functional.relu(leaf, inplace=True)


def test_relu_stops_infinite_cotangents():
    x = franken.tensor([-1.0, 1.0], requires_grad=True)
    functional.relu(x).backward(franken.tensor([float("inf"), 2.0]))
    assert x.grad.tolist() == [0.0, 2.0]


def test_embedding_max_norm_changes_only_rows_in_use():
    w = _x(5, 3) * 5
    tables = []
    for L, F in ((torch, TF), (franken, functional)):
        table = L.tensor(w)
        F.embedding(L.tensor([1, 3, 1]), table, max_norm=1.0)
        tables.append(table.numpy())
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-12)
    assert (tables[1][0] == w[0]).all()


ERRORS = [
    ("cross_entropy", lambda L, F: F.cross_entropy(L.ones(3, 5), L.tensor([0, 1, 7]))),
    ("cross_entropy", lambda L, F: F.cross_entropy(L.ones(3, 5), L.tensor([0, 1]))),
    ("cross_entropy", lambda L, F: F.cross_entropy(L.ones(3, 5), L.tensor([0.0, 1.0, 2.0]))),
    ("cross_entropy", lambda L, F: F.cross_entropy(L.ones(2, 3, 4), L.zeros(2, 5).long())),
    ("reduction", lambda L, F: F.mse_loss(L.ones(3), L.ones(3), reduction="x")),
    ("nll", lambda L, F: F.nll_loss(L.ones(3, 5), L.tensor([0, 1, 7]))),
    ("embedding", lambda L, F: F.embedding(L.tensor([9]), L.ones(3, 5))),
    ("embedding", lambda L, F: F.embedding(L.ones(2), L.ones(3, 5))),
    ("one_hot", lambda L, F: F.one_hot(L.tensor([3]), 2)),
    ("dropout", lambda L, F: F.dropout(L.ones(3), 1.5)),
    ("glu", lambda L, F: F.glu(L.ones(3))),
    ("gelu", lambda L, F: F.gelu(L.ones(3), approximate="x")),
    ("hardtanh", lambda L, F: F.hardtanh(L.ones(3), 2, 1)),
    ("elu", lambda L, F: F.elu(L.ones(3).long())),
    ("cdist", lambda L, F: L.cdist(L.ones(3, 5), L.ones(3, 2))),
    ("bce", lambda L, F: F.binary_cross_entropy(L.ones(3) * 2, L.ones(3))),
    ("triplet", lambda L, F: F.triplet_margin_loss(L.ones(3), L.ones(3), L.ones(3), margin=-1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call"), ERRORS)
def test_errors_are_those_of_torch(name, call):
    with pytest.raises(Exception) as want:
        call(torch, TF)
    with pytest.raises(want.type) as got:
        call(franken, functional)
    assert str(got.value)[:40] == str(want.value)[:40]
