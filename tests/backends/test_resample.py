"""Interpolation, grid sampling, affine grids and unfolding against torch: values and gradients."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from franken.backends.numpy import parallel, resample

torch = pytest.importorskip("torch")
F = torch.nn.functional

SIZES = {1: (7,), 2: (6, 5), 3: (4, 3, 5)}
TORCH_MODE = {
    ("linear", 1): "linear",
    ("linear", 2): "bilinear",
    ("linear", 3): "trilinear",
    ("cubic", 2): "bicubic",
}
CASES = [
    (mode, axes)
    for axes in (1, 2, 3)
    for mode in ("nearest", "nearest-exact", "linear", "cubic", "area")
    if mode != "cubic" or axes == 2
]


def same(got: np.ndarray, expected, **tolerance) -> None:
    torch.testing.assert_close(
        torch.from_numpy(np.ascontiguousarray(got)), expected.detach(), **tolerance
    )


def make(axes: int, dtype="float32") -> np.ndarray:
    return (
        np.random.default_rng(axes).standard_normal((*reversed(SIZES[axes]), 3, 2)).astype(dtype).T
    )


def check(x, out, mode, gradient=True, **options):
    axes = x.ndim - 2
    names = (
        {} if options.get("align_corners") is None else {"align_corners": options["align_corners"]}
    )
    if options.get("antialias"):
        names["antialias"] = True
    scales = options.get("scales")
    size = {"scale_factor": scales} if scales else {"size": out}
    tx = torch.tensor(x, requires_grad=True)
    ty = F.interpolate(tx, mode=TORCH_MODE.get((mode, axes), mode), **size, **names)
    spec = (mode, bool(options.get("align_corners")), scales, bool(options.get("antialias")))
    same(resample.interpolate_forward(x, tuple(ty.shape[2:]), *spec), ty)
    g = torch.randn_like(ty)
    ty.backward(g)
    if gradient:
        same(resample.interpolate_backward(g.numpy(), x.shape, *spec), tx.grad)


@pytest.mark.parametrize("mode,axes", CASES)
@pytest.mark.parametrize("out", [1, 2, 5, 6, 11, 13])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interpolate_to_size(mode, axes, out, dtype):
    target = tuple(out + a for a in range(axes))
    for align in [False, True] if mode in ("linear", "cubic") else [None]:
        check(make(axes, dtype), target, mode, align_corners=align)


@pytest.mark.parametrize("mode,axes", [c for c in CASES if c[0] != "area"])
@pytest.mark.parametrize("scale", [0.4, 0.75, 1.0, 1.1, 1.7, 2.0, 2.1, 3.3])
def test_interpolate_by_scale(mode, axes, scale):
    x = make(axes)
    scales = tuple(scale + 0.15 * a for a in range(axes))
    sizes = [(n, int(n * s)) for n, s in zip(x.shape[2:], scales, strict=True)]
    # sizes kept or doubled by a near scale: torch's gradient is not that of its forward, ours is
    odd = mode == "nearest" and axes != 2 and any(o in (n, 2 * n) for n, o in sizes)
    odd = odd or (mode == "cubic" and all(o == n for n, o in sizes))
    for align in [False, True] if mode in ("linear", "cubic") else [None]:
        check(x, None, mode, gradient=not odd, scales=scales, align_corners=align)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("out", [(1, 2), (3, 3), (6, 5), (6, 9), (13, 4), (11, 17)])
def test_antialias(mode, align, out):
    for dtype in ("float32", "float64"):
        check(make(2, dtype), out, mode, align_corners=align, antialias=True)
    if not align:
        check(make(2), None, mode, align_corners=False, antialias=True, scales=(0.4, 1.7))


def test_nearest_bytes_and_empty():
    x = np.random.default_rng(0).integers(0, 255, (2, 3, 5, 4)).astype("uint8")
    for mode in ("nearest", "nearest-exact"):
        same(
            resample.interpolate_forward(x, (7, 3), mode),
            F.interpolate(torch.tensor(x), (7, 3), mode=mode),
        )
    empty = np.ones((0, 3, 5, 4))
    assert resample.interpolate_forward(empty, (7, 3), "linear").shape == (0, 3, 7, 3)
    assert (
        resample.interpolate_backward(np.ones((0, 3, 7, 3)), empty.shape, "cubic").shape
        == empty.shape
    )
    with pytest.raises(ValueError, match="greater than 0"):
        resample.interpolate_forward(x, (0, 3), "nearest")
    with pytest.raises(ValueError, match="needs a float"):
        resample.interpolate_forward(x, (7, 3), "linear")


def test_infinity_stays_where_it_is():
    x = np.zeros((1, 1, 8))
    x[..., 0] = np.inf
    y = resample.interpolate_forward(x, (16,), "linear")
    assert np.isfinite(y[..., 4:]).all()


def test_threads_keep_the_bits():
    x = np.random.default_rng(0).standard_normal((4, 32, 40, 40)).astype("float32")
    before = parallel.get_num_threads()
    results = []
    for threads in (1, 3):
        parallel.set_num_threads(threads)
        results.append(resample.interpolate_forward(x, (80, 70), "linear").tobytes())
    parallel.set_num_threads(before)
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "axes,mode", [(2, "bilinear"), (2, "nearest"), (2, "bicubic"), (3, "bilinear"), (3, "nearest")]
)
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_grid_sample(axes, mode, padding, align, dtype):
    rng = np.random.default_rng(1)
    x = make(axes, dtype)
    grid = (rng.random((2, *(4, 3, 5)[:axes], axes)) * 3 - 1.5).astype(dtype)
    tx, tg = torch.tensor(x, requires_grad=True), torch.tensor(grid, requires_grad=True)
    ty = F.grid_sample(tx, tg, mode, padding, align)
    same(resample.grid_sample_forward(x, grid, mode, padding, align), ty)
    g = torch.randn_like(ty)
    ty.backward(g)
    gx, ggrid = resample.grid_sample_backward(g.numpy(), x, grid, mode, padding, align)
    same(gx, tx.grad)
    same(ggrid, tg.grad)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grid_sample_at_no_position(mode, padding):
    n, i = np.nan, np.inf
    x, grid = (
        make(2)[:1],
        np.array([[[[n, 0], [i, 0], [-i, 0], [0, n], [5, 0], [-1, 1]]]], "float32"),
    )
    expected = F.grid_sample(torch.tensor(x), torch.tensor(grid), mode, padding, False)
    same(resample.grid_sample_forward(x, grid, mode, padding, False), expected, equal_nan=True)


def test_grid_sample_of_one_pixel_and_of_nothing():
    x, grid = (
        np.ones((1, 2, 1, 1), "float32"),
        np.random.default_rng(0).random((1, 3, 3, 2)).astype("float32") * 4 - 2,
    )
    for padding, align in product(["zeros", "border", "reflection"], [False, True]):
        expected = F.grid_sample(torch.tensor(x), torch.tensor(grid), "bilinear", padding, align)
        same(resample.grid_sample_forward(x, grid, "bilinear", padding, align), expected)
    empty = resample.grid_sample_forward(x[:0], grid[:0])
    assert empty.shape == (0, 2, 3, 3)
    assert resample.grid_sample_backward(empty, x[:0], grid[:0])[0].shape == (0, 2, 1, 1)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0")
@pytest.mark.parametrize("size", [(4, 5), (1, 3), (3, 4, 5), (2, 1, 3)])
@pytest.mark.parametrize("align", [False, True])
def test_affine_grid(size, align):
    axes = len(size)
    for dtype in ("float32", "float64"):
        theta = np.random.default_rng(0).standard_normal((2, axes, axes + 1)).astype(dtype)
        tt = torch.tensor(theta, requires_grad=True)
        ty = F.affine_grid(tt, (2, 3, *size), align)
        same(resample.affine_grid_forward(theta, size, align), ty)
        g = torch.randn_like(ty)
        ty.backward(g)
        same(resample.affine_grid_backward(g.numpy(), align), tt.grad)


@pytest.mark.parametrize(
    "kernel,dilation,padding,stride",
    [
        ((2, 3), (1, 1), (0, 0), (1, 1)),
        ((3, 3), (1, 2), (1, 1), (2, 1)),
        ((1, 2), (2, 1), (2, 0), (3, 2)),
        ((2, 2), (1, 1), (3, 3), (1, 2)),
    ],
)
def test_unfold_and_fold(kernel, dilation, padding, stride):
    x = make(2)
    columns = F.unfold(torch.tensor(x), kernel, dilation, padding, stride)
    same(resample.unfold(x, kernel, dilation, padding, stride), columns)
    expected = F.fold(columns, x.shape[2:], kernel, dilation, padding, stride)
    same(resample.fold(columns.numpy(), x.shape[2:], kernel, dilation, padding, stride), expected)
    assert resample.unfold(x[:0], kernel, dilation, padding, stride).shape[0] == 0
