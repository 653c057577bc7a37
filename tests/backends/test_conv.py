"""Convolution kernels against torch: values, both gradients, tiles, threads and errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franken.backends.numpy import conv, parallel

torch = pytest.importorskip("torch")
F = torch.nn.functional
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
SIZES = {1: (17,), 2: (9, 11), 3: (6, 7, 5)}


def same(got: np.ndarray, expected) -> None:
    torch.testing.assert_close(torch.from_numpy(np.ascontiguousarray(got)), expected.detach())


def noise(rng, shape, dtype) -> np.ndarray:
    """Small values, not contiguous: float32 sums stay well inside torch.testing's tolerance."""
    a = rng.standard_normal(tuple(reversed(shape))).T / 4
    return (a + 1j * rng.standard_normal(shape) / 4 if np.dtype(dtype).kind == "c" else a).astype(
        dtype
    )


def check(x_shape, w_shape, stride, padding, dilation, groups, dtype="float32") -> None:
    rng = np.random.default_rng(0)
    x, w = noise(rng, x_shape, dtype), noise(rng, w_shape, dtype)
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    ty = CONV[len(stride)](tx, tw, None, stride, padding, dilation, groups)
    g = noise(rng, tuple(ty.shape), dtype)
    ty.backward(torch.tensor(g))
    spec = (stride, padding, dilation, groups)
    same(conv.conv_forward(x, w, *spec), ty)
    # torch's gradients are of the conjugate products; the kernels are the plain transposes
    same(conv.conv_input_grad(g, w.conj(), x_shape, *spec), tx.grad)
    same(conv.conv_weight_grad(g, x.conj(), w_shape, *spec), tw.grad)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "channels", [(2, 3, 1), (4, 6, 2), (3, 3, 3), (3, 6, 3), (18, 5, 1), (1, 4, 1)]
)
@pytest.mark.parametrize(
    "kernel,stride,padding,dilation",
    [
        (1, 1, 0, 1),
        (3, 1, 1, 1),
        (3, 2, 1, 1),
        (2, 2, 0, 1),
        (2, 3, 2, 2),
        (3, 1, 2, 2),
        (1, 2, 0, 1),
        (2, 4, 1, 3),
        (4, 1, 0, 1),
    ],
)
def test_conv(axes, channels, kernel, stride, padding, dilation):
    cin, cout, groups = channels
    shapes = (2, cin, *SIZES[axes]), (cout, cin // groups, *(kernel,) * axes)
    for dtype in ("float32", "float64"):
        check(*shapes, (stride,) * axes, (padding,) * axes, (dilation,) * axes, groups, dtype)


@st.composite
def problems(draw):
    axes = draw(st.integers(1, 2))
    small = st.tuples(*[st.integers(1, 4)] * axes)
    kernel, stride, dilation = draw(small), draw(small), draw(small)
    padding = draw(st.tuples(*[st.integers(0, 6)] * axes))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(
        draw(st.integers(max(1, r - 2 * p), r + 9)) for r, p in zip(reach, padding, strict=True)
    )
    groups, per_in, per_out = (
        draw(st.integers(1, 3)),
        draw(st.sampled_from([1, 2, 17])),
        draw(st.integers(1, 3)),
    )
    batch = draw(st.integers(1, 3))
    return (
        (batch, groups * per_in, *size),
        (groups * per_out, per_in, *kernel),
        stride,
        padding,
        dilation,
        groups,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problems())
def test_any_conv(problem):
    check(*problem, dtype="float64")


@pytest.mark.parametrize(
    "channels", [(20, 24, 1), (3, 48, 1), (48, 3, 1), (24, 24, 24), (24, 24, 3)]
)
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_many_tiles(monkeypatch, channels, stride):
    monkeypatch.setattr(conv, "TILE_ELEMENTS", 1 << 11)
    monkeypatch.setattr(conv, "TILE_POSITIONS", 24)
    monkeypatch.setattr(conv, "STRAND_ELEMENTS", 1 << 12)
    cin, cout, groups = channels
    check(
        (3, cin, 13, 12),
        (cout, cin // groups, 3, 3),
        (stride,) * 2,
        (1, 1),
        (1, 1),
        groups,
        "float64",
    )


def test_complex_and_integers():
    check((2, 4, 7, 6), (6, 2, 3, 2), (2, 1), (1, 1), (1, 2), 2, "complex64")
    check((2, 4, 9), (6, 4, 3), (1,), (1,), (1,), 1, "complex128")
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (2, 3, 8, 7)), rng.integers(-9, 9, (4, 3, 3, 3))
    y = conv.conv_forward(x, w, (1, 1), (1, 1), (1, 1), 1)
    assert y.dtype == np.int64
    same(y, F.conv2d(torch.tensor(x), torch.tensor(w), None, 1, 1))


@pytest.mark.parametrize(
    "shapes",
    [((0, 3, 6, 6), (4, 3, 3, 3)), ((2, 0, 6, 6), (4, 0, 3, 3)), ((2, 3, 6, 6), (0, 3, 3, 3))],
)
def test_empty(shapes):
    x, w = np.ones(shapes[0]), np.ones(shapes[1])
    spec = ((1, 1), (1, 1), (1, 1), 1)
    y = conv.conv_forward(x, w, *spec)
    assert y.shape == (x.shape[0], w.shape[0], 6, 6)
    assert not y.any()
    assert not conv.conv_input_grad(y, w, x.shape, *spec).any()
    assert conv.conv_weight_grad(y, x, w.shape, *spec).shape == w.shape


def test_outputs_of_length_zero():
    x, w = np.ones((1, 1, 1)), np.ones((1, 1, 2))
    y = conv.conv_forward(x, w, (1,), (0,), (1,), 1)
    assert y.shape == (1, 1, 0)
    assert conv.conv_input_grad(y, w, x.shape, (1,), (0,), (1,), 1).tolist() == [[[0.0]]]
    assert conv.conv_weight_grad(y, x, w.shape, (1,), (0,), (1,), 1).tolist() == [[[0.0, 0.0]]]


def test_errors():
    x, w = np.ones((1, 4, 5)), np.ones((2, 4, 3))
    with pytest.raises(ValueError, match="channels do not fit"):
        conv.conv_forward(x, w, (1,), (0,), (1,), 2)
    with pytest.raises(ValueError, match="ranks do not fit"):
        conv.conv_forward(x, w, (1, 1), (0,), (1,), 1)
    with pytest.raises(ValueError, match="kernel exceeds"):
        conv.conv_forward(x, w, (1,), (0,), (5,), 1)
    with pytest.raises(ValueError, match="expected positive"):
        conv.conv_forward(x, w, (0,), (0,), (1,), 1)
    with pytest.raises(ValueError, match="expected a gradient of shape"):
        conv.conv_input_grad(np.ones((1, 2, 9)), w, x.shape, (1,), (0,), (1,), 1)


def test_threads_keep_the_bits():
    rng = np.random.default_rng(0)
    x, w = noise(rng, (9, 24, 30, 30), "float32"), noise(rng, (40, 24, 3, 3), "float32")
    spec, before, results = ((1, 1), (1, 1), (1, 1), 1), parallel.get_num_threads(), []
    for threads in (1, 2, 3):
        parallel.set_num_threads(threads)
        y = conv.conv_forward(x, w, *spec)
        results.append(
            [
                y.tobytes(),
                conv.conv_input_grad(y, w, x.shape, *spec).tobytes(),
                conv.conv_weight_grad(y, x, w.shape, *spec).tobytes(),
            ]
        )
    parallel.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_parallel_for_raises_and_nests():
    def fail(start: int, stop: int) -> None:
        raise KeyError(start)

    seen = np.zeros(64, int)

    def outer(start: int, stop: int) -> None:
        parallel.parallel_for(stop - start, 1, lambda a, b: seen[start + a : start + b].__iadd__(1))

    before = parallel.get_num_threads()
    parallel.set_num_threads(4)
    with pytest.raises(KeyError):
        parallel.parallel_for(8, 1, fail)
    parallel.parallel_for(64, 1, outer)
    parallel.set_num_threads(before)
    assert (seen == 1).all()


@pytest.mark.parametrize("fn", [np.add, np.multiply])
def test_elementwise_splits_keep_bits(fn):
    a, b = (
        np.random.default_rng(0)
        .standard_normal((2, parallel.SPLIT_ELEMENTS + 77))
        .astype("float32")
    )
    before = parallel.get_num_threads()
    parallel.set_num_threads(3)
    got = parallel.elementwise(fn, a, b, out=np.empty_like(a))
    one = parallel.elementwise(fn, a, np.float32(3).reshape(()), out=np.empty_like(a))
    parallel.set_num_threads(before)
    assert got.tobytes() == fn(a, b).tobytes()
    assert one.tobytes() == fn(a, np.float32(3)).tobytes()
