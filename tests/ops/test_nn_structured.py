"""Structured nn.functional ops against torch: values, gradients of both orders, jvp and vmap.

One row a case: (name, call, shapes of the tensors it takes). `call(F, *tensors)` is run with
torch's nn.functional and with franken's on the same float64 numbers.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import franken
import franken.nn.functional as functional
from franken.transforms.api import jvp, vmap

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")
TF = torch.nn.functional


def _conv(name, **kwargs):
    return lambda F, x, w, *b: getattr(F, name)(x, w, *b, **kwargs)


def _one(name, *args, **kwargs):
    return lambda F, x: getattr(F, name)(x, *args, **kwargs)


def _training(F, x, *affine):
    return F.batch_norm(x, None, None, *affine, training=True)


def _evaluation(F, x, w, b):
    make = franken.tensor if F is functional else torch.tensor
    mean, var = (
        make([0.1, -0.2, 0.3, 0.0], dtype=x.dtype),
        make([1.0, 0.5, 2.0, 1.5], dtype=x.dtype),
    )
    return F.batch_norm(x, mean, var, w, b)


def _masked(F, q, k, v):
    make = franken.tensor if F is functional else torch.tensor
    mask = make(
        [[False, False, False], [True, False, True], [True, True, True], [False, True, True]]
    )
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _resize(mode, size, **kwargs):
    return _one("interpolate", size=size, mode=mode, **kwargs)


QKV = ((2, 2, 4, 3), (2, 2, 3, 3), (2, 2, 3, 5))
CASES = [
    ("conv1d", _conv("conv1d", stride=2, padding=1), ((2, 4, 7), (6, 4, 3), (6,))),
    ("conv2d", _conv("conv2d", padding=1, dilation=2), ((2, 4, 6, 5), (4, 4, 2, 3))),
    ("conv2d groups", _conv("conv2d", groups=2, stride=(2, 1)), ((2, 4, 6, 5), (6, 2, 2, 3), (6,))),
    ("conv2d depthwise", _conv("conv2d", groups=4), ((1, 4, 5, 5), (4, 1, 3, 3))),
    ("conv2d same", _conv("conv2d", padding="same"), ((2, 2, 4, 4), (2, 2, 2, 3))),
    ("conv2d one example", _conv("conv2d"), ((2, 4, 4), (3, 2, 2, 2), (3,))),
    ("conv3d", _conv("conv3d", padding=1, stride=2), ((1, 2, 4, 3, 4), (2, 2, 2, 2, 2))),
    ("conv_transpose1d", _conv("conv_transpose1d", stride=2), ((2, 4, 3), (4, 2, 3), (2,))),
    ("conv_transpose2d", _conv("conv_transpose2d", stride=2, output_padding=1, groups=2),
     ((2, 4, 3, 3), (4, 2, 2, 2), (4,))),
    ("conv_transpose2d dilated", _conv("conv_transpose2d", dilation=3, output_padding=2, padding=1),
     ((1, 2, 3, 3), (2, 2, 2, 2))),
    ("max_pool1d", _one("max_pool1d", 3, 2, 1), ((2, 2, 8),)),
    ("max_pool2d", _one("max_pool2d", 2), ((2, 2, 5, 6),)),
    ("max_pool2d overlapping", _one("max_pool2d", 3, 1, 1, 2), ((2, 2, 6, 6),)),
    ("max_pool3d", _one("max_pool3d", 2, ceil_mode=True), ((1, 2, 3, 4, 4),)),
    ("avg_pool1d", _one("avg_pool1d", 3, 2, 1, True, False), ((2, 2, 8),)),
    ("avg_pool2d", _one("avg_pool2d", (2, 3), 1, 1, divisor_override=3), ((2, 2, 5, 6),)),
    ("avg_pool3d", _one("avg_pool3d", 2), ((1, 2, 3, 4, 4),)),
    ("lp_pool2d", lambda F, x: F.lp_pool2d(x.abs() + 1, 3.0, 2), ((1, 2, 4, 4),)),
    ("adaptive_avg_pool2d", _one("adaptive_avg_pool2d", (3, 2)), ((2, 2, 5, 6),)),
    ("adaptive_max_pool2d", _one("adaptive_max_pool2d", (3, 2)), ((2, 2, 5, 6),)),
    ("batch_norm", _training, ((3, 4, 5), (4,), (4,))),
    ("batch_norm plain", _training, ((6, 4),)),
    ("batch_norm evaluation", _evaluation, ((3, 4, 2, 2), (4,), (4,))),
    ("layer_norm", lambda F, x, w, b: F.layer_norm(x, (4, 5), w, b), ((3, 4, 5), (4, 5), (4, 5))),
    ("layer_norm plain", _one("layer_norm", (5,)), ((3, 4, 5),)),
    ("rms_norm", lambda F, x, w: F.rms_norm(x, (5,), w), ((3, 4, 5), (5,))),
    ("group_norm", lambda F, x, w, b: F.group_norm(x, 2, w, b), ((2, 4, 3), (4,), (4,))),
    ("instance_norm", lambda F, x, w: F.instance_norm(x, weight=w), ((2, 3, 4), (3,))),
    ("local_response_norm", _one("local_response_norm", 3, 0.5), ((2, 5, 4),)),
    ("normalize", _one("normalize", 3.0, 1), ((2, 5, 4),)),
    ("attention", lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v), QKV),
    ("attention causal", lambda F, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
     QKV),
    ("attention masked", _masked, QKV),
    ("attention mask gradient",
     lambda F, q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.7), (*QKV, (4, 3))),
    ("interpolate nearest", _resize("nearest", (3, 7)), ((2, 2, 4, 5),)),
    ("interpolate linear", _resize("linear", 7), ((2, 2, 4),)),
    ("interpolate bilinear", _resize("bilinear", (3, 7), align_corners=True), ((2, 2, 4, 5),)),
    ("interpolate bicubic", _resize("bicubic", (3, 7)), ((2, 2, 4, 5),)),
    ("interpolate antialias", _resize("bilinear", (2, 3), antialias=True), ((1, 2, 5, 6),)),
    ("interpolate area", _resize("area", (3, 4)), ((2, 2, 4, 5),)),
    ("affine_grid", _one("affine_grid", (2, 1, 3, 4), align_corners=False), ((2, 2, 3),)),
    ("pixel_shuffle", _one("pixel_shuffle", 2), ((2, 8, 2, 3),)),
    ("pixel_unshuffle", _one("pixel_unshuffle", 2), ((2, 2, 4, 6),)),
    ("channel_shuffle", _one("channel_shuffle", 2), ((2, 4, 3),)),
    ("unfold", _one("unfold", (2, 3), 2, 1, 1), ((2, 2, 5, 6),)),
    ("fold", _one("fold", (4, 5), 2, 1, 0, 1), ((2, 8, 12),)),
    ("pad constant", _one("pad", (1, -1, 2, 0), value=2.0), ((2, 3, 4),)),
    ("pad reflect", _one("pad", (1, 2, 2, 0), mode="reflect"), ((2, 2, 3, 4),)),
    ("pad replicate", _one("pad", (1, 2, -1, 3), mode="replicate"), ((2, 2, 3, 4),)),
    ("pad circular", _one("pad", (3, 2), mode="circular"), ((2, 2, 4),)),
]  # fmt: skip
SAMPLED = [("grid_sample " + " ".join(map(str, o)),
            lambda F, x, grid, o=o: F.grid_sample(x, grid, *o))
           for o in (("bilinear", "zeros", False), ("bilinear", "reflection", True),
                     ("bicubic", "border", False), ("nearest", "zeros", True))]  # fmt: skip
BY_NAME = {name: (call, shapes) for name, call, shapes in CASES}
BY_NAME.update({name: (call, ((2, 2, 4, 5), (2, 3, 3, 2))) for name, call in SAMPLED})
# torch has neither a forward-mode formula nor second derivatives for these
FIRST_ORDER_ONLY = {name for name, _ in SAMPLED}


def _values(name, shapes):
    rng = np.random.RandomState(sum(map(ord, name)))
    return [rng.uniform(-1, 1, s) for s in shapes]


def _pair(values, grad=False):
    ours = [franken.tensor(v, requires_grad=grad) for v in values]
    return ours, [torch.tensor(v, requires_grad=grad) for v in values]


def _close(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), 1e-9, 1e-9)


@pytest.mark.parametrize("name", BY_NAME)
def test_value_and_both_derivatives_match_torch(name):
    call, shapes = BY_NAME[name]
    ours, theirs = _pair(_values(name, shapes), True)
    y, z = call(functional, *ours), call(TF, *theirs)
    _close(y, z)
    weight = np.cos(np.arange(math.prod(y.shape))).reshape(tuple(y.shape))
    again = name not in FIRST_ORDER_ONLY
    # the sine makes the cotangent depend on the inputs, also where the op is linear
    ours_sum, sum_ = (
        (y.sin() * franken.tensor(weight)).sum(),
        (z.sin() * torch.tensor(weight)).sum(),
    )
    first = franken.autograd.grad(ours_sum, ours, create_graph=again)
    expected = torch.autograd.grad(sum_, theirs, create_graph=again)
    for a, b in zip(first, expected, strict=True):
        _close(a, b)
    if not again:
        return
    total = sum((a * a).sum() for a in first)
    wanted = sum((b * b).sum() for b in expected)
    second = franken.autograd.grad(total, ours)
    for a, b in zip(second, torch.autograd.grad(wanted, theirs), strict=True):
        _close(a, b)


@pytest.mark.parametrize("name", [n for n in BY_NAME if n not in FIRST_ORDER_ONLY])
def test_tangent_matches_torch(name):
    call, shapes = BY_NAME[name]
    values = _values(name, shapes)
    moves = [np.sin(v * 7) for v in values]
    ours, theirs = _pair(values)
    dual, expected_dual = _pair(moves)
    got = jvp(lambda *a: call(functional, *a), tuple(ours), tuple(dual))
    if name.startswith("attention"):  # torch has no forward mode for it but by its formula
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            expected = torch.func.jvp(lambda *a: call(TF, *a), tuple(theirs), tuple(expected_dual))
    else:
        expected = torch.func.jvp(lambda *a: call(TF, *a), tuple(theirs), tuple(expected_dual))
    for a, b in zip(got, expected, strict=True):
        _close(a, b)


def _subsets(n):
    """Each input alone, and all together."""
    return [*[tuple(i == k for i in range(n)) for k in range(n if n > 1 else 0)], (True,) * n]


@pytest.mark.parametrize("name", BY_NAME)
def test_vmap_of_value_and_gradient_equals_a_loop(name):
    call, shapes = BY_NAME[name]
    size = 3
    values = _values(name, shapes)

    def both(*args):
        y, back = franken.transforms.api.vjp(lambda *a: call(functional, *a), *args)
        return (y, *back(y * 0.5))

    for batched in _subsets(len(values)):
        stacks = [np.stack([v + 0.1 * i * np.cos(v * 9) for i in range(size)]) if b else v
                  for v, b in zip(values, batched, strict=True)]  # fmt: skip
        tensors = [franken.tensor(v) for v in stacks]
        got = vmap(both, tuple(0 if b else None for b in batched))(*tensors)
        rows = [both(*[t[i] if b else t for t, b in zip(tensors, batched, strict=True)])
                for i in range(size)]  # fmt: skip
        for column, whole in zip(zip(*rows, strict=True), got, strict=True):
            np.testing.assert_allclose(
                whole.numpy(), np.stack([r.numpy() for r in column]), 1e-9, 1e-9
            )


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_second_derivative_of_grid_sample_is_the_slope_of_the_first(mode, padding):
    rng = np.random.RandomState(3)
    x, grid = rng.uniform(-1, 1, (1, 2, 4, 5)), rng.uniform(-1.5, 1.5, (1, 3, 3, 2))
    move, weight = rng.uniform(-1, 1, grid.shape), rng.uniform(-1, 1, (1, 2, 3, 3))

    def slope(place):
        y = functional.grid_sample(franken.tensor(x), place, mode, padding, False)
        total = (y * franken.tensor(weight)).sum()
        (first,) = franken.autograd.grad(total, place, create_graph=True)
        return (first * franken.tensor(np.cos(move))).sum()

    place = franken.tensor(grid, requires_grad=True)
    (second,) = franken.autograd.grad(slope(place), place)
    step = 1e-6
    high, low = (slope(franken.tensor(grid + s * move, requires_grad=True)).item()
                 for s in (step, -step))  # fmt: skip
    expected = (high - low) / (2 * step)
    assert (second.numpy() * move).sum() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_running_statistics_follow_the_batch():
    x = np.random.RandomState(0).normal(2.0, 3.0, (4, 3, 5))
    ours, theirs = [], []
    for library, name, out in ((franken, functional, ours), (torch, TF, theirs)):
        mean, var = library.zeros(3).double(), library.ones(3).double()
        name.batch_norm(library.tensor(x), mean, var, training=True, momentum=0.3)
        name.instance_norm(library.tensor(x), mean, var, momentum=0.3)
        out += [mean.numpy(), var.numpy()]
    np.testing.assert_allclose(ours, theirs, 1e-12)


def test_indices_and_unpooling_match_torch():
    x = np.round(np.random.RandomState(0).normal(size=(2, 3, 6, 7)) * 2)
    y, index = functional.max_pool2d(franken.tensor(x), 3, 2, 1, return_indices=True)
    z, place = TF.max_pool2d(torch.tensor(x), 3, 2, 1, return_indices=True)
    assert (index.numpy() == place.numpy()).all()
    y, index = functional.max_pool2d(franken.tensor(x), 2, return_indices=True)
    z, place = TF.max_pool2d(torch.tensor(x), 2, return_indices=True)
    back = functional.max_unpool2d(y, index, 2, output_size=(6, 7))
    _close(back, TF.max_unpool2d(z, place, 2, output_size=(6, 7)))


REFUSED = [
    ("conv2d", lambda F, T: F.conv2d(T.zeros(1, 3, 4, 4), T.zeros(1, 1, 2, 2))),
    ("conv2d stride", lambda F, T: F.conv2d(T.zeros(1, 1, 4, 4), T.zeros(1, 1, 2, 2), stride=0)),
    ("conv2d kernel", lambda F, T: F.conv2d(T.zeros(1, 1, 4, 4), T.zeros(1, 1, 5, 2))),
    ("conv2d padding",
     lambda F, T: F.conv2d(T.zeros(1, 1, 4, 4), T.zeros(1, 1, 2, 2), padding="n")),
    ("conv_transpose2d", lambda F, T: F.conv_transpose2d(T.zeros(1, 3, 4, 4), T.zeros(1, 1, 2, 2))),
    ("max_pool1d", lambda F, T: F.max_pool1d(T.zeros(1, 1, 4), 2, padding=2)),
    ("max_pool2d", lambda F, T: F.max_pool2d(T.zeros(1, 1, 4, 4), (2, 2, 2))),
    ("avg_pool2d", lambda F, T: F.avg_pool2d(T.zeros(1, 1, 4, 4), 9)),
    ("avg_pool3d", lambda F, T: F.avg_pool3d(T.zeros(1, 1, 4, 4, 4), 9)),
    ("adaptive", lambda F, T: F.adaptive_avg_pool2d(T.zeros(4, 4), 2)),
    ("unpool", lambda F, T: F.max_unpool2d(T.zeros(1, 1, 3, 3), T.zeros(1, 1, 3, 3), 2)),
    ("pad", lambda F, T: F.pad(T.zeros(1, 1, 3), (3, 1), "reflect")),
    ("pad circular", lambda F, T: F.pad(T.zeros(1, 1, 3), (4, 1), "circular")),
    ("batch_norm", lambda F, T: F.batch_norm(T.zeros(1, 3), None, None, training=True)),
    ("batch_norm weight",
     lambda F, T: F.batch_norm(T.zeros(2, 3), T.zeros(3), T.zeros(3), T.zeros(4))),
    ("layer_norm", lambda F, T: F.layer_norm(T.zeros(2, 3), (2,))),
    ("group_norm", lambda F, T: F.group_norm(T.zeros(2, 7, 4), 2)),
    ("interpolate", lambda F, T: F.interpolate(T.zeros(1, 1, 4, 4), size=(3,))),
    ("interpolate mode", lambda F, T: F.interpolate(T.zeros(1, 1, 4, 4), size=3, mode="linear")),
    ("grid_sample",
     lambda F, T: F.grid_sample(T.zeros(1, 1, 4, 4), T.zeros(2, 2, 2, 2), align_corners=True)),
    ("fold", lambda F, T: F.fold(T.zeros(1, 4, 8), (4, 4), 2)),
    ("pixel_shuffle", lambda F, T: F.pixel_shuffle(T.zeros(1, 5, 2, 2), 2)),
    ("attention",
     lambda F, T: F.scaled_dot_product_attention(
         T.zeros(2, 4), T.zeros(2, 4).double(), T.zeros(2, 4))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call"), REFUSED, ids=[n for n, _ in REFUSED])
def test_refusals_have_torchs_type_and_message(name, call):
    with pytest.raises(Exception) as theirs:
        call(TF, torch)
    with pytest.raises(type(theirs.value)) as ours:
        call(functional, franken)
    assert str(ours.value).split("\n")[0] == str(theirs.value).split("\n")[0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_attention_of_long_rows_matches_the_formula(dtype):
    """Several blocks of rows, a row that sees nothing, causal together with a mask."""
    rng = np.random.RandomState(1)
    q, k, v = (rng.normal(size=s).astype("f") for s in ((2, 300, 8), (2, 700, 8), (2, 700, 4)))
    mask = rng.random((300, 700)) < 0.5
    mask[7] = False
    ours, theirs = [], []
    for library, name, out in ((franken, functional, ours), (torch, TF, theirs)):
        kind = getattr(library, dtype)
        tensors = [library.tensor(t).to(kind).requires_grad_() for t in (q, k, v)]
        # torch takes a mask beside is_causal in some of its kernels only
        seen, causal = (mask, True) if library is franken else (np.tril(mask), False)
        y = name.scaled_dot_product_attention(
            *tensors, attn_mask=library.tensor(seen), is_causal=causal
        )
        y.float().sin().sum().backward()
        out += [y, *[t.grad for t in tensors]]
    tolerance = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5}[dtype]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            a.detach().float().numpy(), b.detach().float().numpy(), tolerance, tolerance
        )
