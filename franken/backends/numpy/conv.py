"""Convolution of one to three spatial axes: forward, input gradient and weight gradient.

Knows arrays only: x (N, C, *S), w (D, C/groups, *K), stride, padding, dilation; not Tensor, not
bias. Transposed convolution is `conv_input_grad` of its input. Work is cut into tiles, a tile's
taps into columns for one BLAS product. Columns are planar (each tap one run over rows, their ends
included), or interleaved (taps of a channels-last copy) where row ends would add over a quarter and
runs have 16 channels: 512 channels at 7x7 took 84 ms against 112, 64 at 28x28 63 against 61. The
input gradient gathers like the forward, or scatters columns where there are twice as many output
channels (3 to 64, 7x7, stride 2: 47 ms against 373; 3 to 32, 3x3: 8 against 11).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from operator import add
from typing import Any

import numpy as np

from .parallel import parallel_for, scratch, single_blas_thread
from .pool import window_parts

Ints = tuple[int, ...]

# columns of one tile: 2 MiB of float32; on cores with 1 MiB of cache 2^15 to 2^17 took up to 3
# times as long, 2^18, 2^20 and 2^21 about as long
TILE_ELEMENTS = 1 << 19
TILE_PRODUCTS, TILES = 1 << 24, 16  # where so much work is in each, cut into this many tiles
TILE_POSITIONS = 384  # a narrower product packs the weights more often than it uses them
MIN_INTERLEAVED = 16  # channels that make a run worth copying
MAX_WASTE = 1.25  # grid positions per output position
STRAND_ELEMENTS = 1 << 20  # bounds what the partial weight gradients take together
STRANDS = 8  # partial weight gradients, each summed over its tiles in order, then added in order
SERIAL_PRODUCTS = 1 << 21  # multiply-adds one thread does in the time a second takes to start
SCATTER_RATIO = 2  # output channels per input channel: above, scattering copies less
SCATTER_PHASES = 8  # input gradient: more phases than this and products become too small


class _Window:
    """Where taps read: y[o] = sum over k of w[k] x[o * stride + k * dilation + base], else zero.

    extent: one phase's shape, output positions plus the furthest shift of a tap.
    span: the shape of the input region that all taps together read.
    """

    __slots__ = ("_plan", "base", "dilation", "extent", "kernel", "out", "span", "stride")

    def __init__(self, out: Ints, kernel: Ints, stride: Ints, dilation: Ints, base: Ints) -> None:
        self.out, self.kernel, self.base = out, kernel, base
        self.stride, self.dilation = stride, dilation
        axes = list(zip(out, kernel, dilation, stride, strict=True))
        self.extent = tuple([o + (k - 1) * d // s for o, k, d, s in axes])
        self.span = tuple([(o - 1) * s + (k - 1) * d + 1 for o, k, d, s in axes])
        self._plan: tuple[list[Ints], list[tuple[int, int]]] | None = None

    def rows(self, part: slice) -> _Window:
        """Return the window of rows `part` of the first output axis."""
        if part.stop - part.start == self.out[0]:
            return self
        base = (self.base[0] + part.start * self.stride[0], *self.base[1:])
        out = (part.stop - part.start, *self.out[1:])
        return _Window(out, self.kernel, self.stride, self.dilation, base)

    def plan(self) -> tuple[list[Ints], list[tuple[int, int]]]:
        """Return each phase's first input position, and each tap's phase and shift within it."""
        if self._plan is None:
            taps = self._taps()
            order = {phase: at for at, phase in enumerate(dict.fromkeys(p for p, _ in taps))}
            starts = [tuple(map(add, phase, self.base)) for phase in order]
            self._plan = starts, [(order[phase], shift) for phase, shift in taps]
        return self._plan

    def _taps(self) -> list[tuple[Ints, int]]:
        steps = [math.prod(self.extent[a + 1 :]) for a in range(len(self.extent))]
        axes = [
            [((k * d) % s, (k * d) // s * step) for k in range(n)]
            for n, d, s, step in zip(self.kernel, self.dilation, self.stride, steps, strict=True)
        ]
        return [(tuple([p for p, _ in tap]), sum([at for _, at in tap])) for tap in product(*axes)]


class _Tile:
    """A block of images, groups and rows of the first output axis, cut to a core's cache."""

    __slots__ = ("groups", "images", "rows")

    def __init__(self, images: range, groups: range, rows: range) -> None:
        self.images, self.groups, self.rows = (
            slice(r.start, r.stop) for r in (images, groups, rows)
        )

    def of_input(self, x: np.ndarray, per: int) -> np.ndarray:
        """Return x's images and channels as a view (groups, per, images, *S)."""
        return self._grouped(x[self.images], per)

    def of_output(self, y: np.ndarray, per: int) -> np.ndarray:
        """Return y's images, channels and rows as a view (groups, per, images, rows, ...)."""
        return self._grouped(y[self.images, :, self.rows], per)

    def _grouped(self, a: np.ndarray, per: int) -> np.ndarray:
        groups = self.groups.stop - self.groups.start
        a = a[:, self.groups.start * per : self.groups.stop * per]
        split = a.reshape(a.shape[0], groups, per, *a.shape[2:])
        return split.transpose(1, 2, 0, *range(3, split.ndim))


def conv_forward(
    x: np.ndarray, w: np.ndarray, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> np.ndarray:
    """Cross-correlate x (N, C, *S) with w (D, C/groups, *K) into (N, D, *O).

    >>> x = np.arange(4.0).reshape(1, 1, 4)
    >>> conv_forward(x, np.ones((1, 1, 2)), (1,), (0,), (1,), 1).tolist()
    [[[1.0, 3.0, 5.0]]]
    """
    out = _check("conv_forward", x.shape, w.shape, stride, padding, dilation, groups)
    y = np.empty((x.shape[0], w.shape[0], *out), np.result_type(x, w))
    window = _Window(out, w.shape[2:], stride, dilation, tuple(-p for p in padding))
    _correlate(x, w, y, window, groups)
    return y


def conv_input_grad(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> np.ndarray:
    """Apply the transpose in x of `conv_forward` to g (N, D, *O), giving `x_shape`.

    Note: the plain transpose; a caller with complex weights conjugates w.

    >>> g, w = np.ones((1, 1, 3)), np.ones((1, 1, 2))
    >>> conv_input_grad(g, w, (1, 1, 4), (1,), (0,), (1,), 1).tolist()
    [[[1.0, 2.0, 2.0, 1.0]]]
    """
    out = _check("conv_input_grad", x_shape, w.shape, stride, padding, dilation, groups)
    _check_grad("conv_input_grad", g.shape, (x_shape[0], w.shape[0], *out))
    gx = np.empty(x_shape, np.result_type(g, w))
    if math.prod(stride) > SCATTER_PHASES or w.shape[0] >= SCATTER_RATIO * x_shape[1]:
        window = _Window(out, w.shape[2:], stride, dilation, tuple(-p for p in padding))
        _scatter(g, w, gx, window, groups)
        return gx
    swapped = _swap_channels(w, groups)
    specs = zip(w.shape[2:], stride, padding, dilation, strict=True)
    for phase in product(*[list(_axis_phases(*spec)) for spec in specs]):
        starts, taps, dilations, bases = zip(*phase, strict=True)
        strided: Any = map(slice, starts, (None,) * len(starts), stride)
        view = gx[(..., *strided)]
        kernel = swapped[(..., *taps)]
        window = _Window(view.shape[2:], kernel.shape[2:], (1,) * len(stride), dilations, bases)
        _correlate(g, kernel, view, window, groups)
    return gx


def conv_weight_grad(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> np.ndarray:
    """Apply the transpose in w of `conv_forward` to g (N, D, *O), giving `w_shape`.

    Note: the plain transpose; a caller with complex inputs conjugates x.

    >>> g, x = np.ones((1, 1, 3)), np.arange(4.0).reshape(1, 1, 4)
    >>> conv_weight_grad(g, x, (1, 1, 2), (1,), (0,), (1,), 1).tolist()
    [[[3.0, 6.0]]]
    """
    out = _check("conv_weight_grad", x.shape, w_shape, stride, padding, dilation, groups)
    _check_grad("conv_weight_grad", g.shape, (x.shape[0], w_shape[0], *out))
    dtype = np.result_type(g, x)
    if 0 in g.shape or 0 in x.shape or 0 in w_shape:
        return np.zeros(w_shape, dtype)
    window = _Window(out, w_shape[2:], stride, dilation, tuple(-p for p in padding))
    per_out, per_in, taps = w_shape[0] // groups, w_shape[1], math.prod(w_shape[2:])
    tiles = _tiles(g.shape[0], groups, window, per_in, per_out)
    interleave = _interleaves(window, per_in)
    accumulate = _interleaved_weight_grad if interleave else _planar_weight_grad
    strands = min(len(tiles), STRANDS, max(2, STRAND_ELEMENTS // math.prod(w_shape)))
    matrix = (per_out, taps * per_in) if interleave else (taps * per_in, per_out)
    parts = np.zeros((strands, groups, *matrix), dtype)

    def run(start: int, stop: int) -> None:
        for strand in range(start, stop):
            first, last = (len(tiles) * (strand + k) // strands for k in (0, 1))
            for tile in tiles[first:last]:
                inputs, outputs = tile.of_input(x, per_in), tile.of_output(g, per_out)
                accumulate(outputs, inputs, window.rows(tile.rows), parts[strand, tile.groups])

    _run_blocks(strands, g.size * per_in * taps, run)
    grad = parts.sum(axis=0, dtype=dtype)
    split = (grad if interleave else grad.swapaxes(1, 2)).reshape(groups, per_out, taps, per_in)
    return np.ascontiguousarray(split.swapaxes(2, 3)).reshape(w_shape)


def _check(
    op: str, x: Ints, w: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Ints:
    """Raise ValueError unless the shapes fit; return the output's spatial shape."""
    axes = len(w) - 2
    if axes < 1 or len(x) != axes + 2 or any(len(p) != axes for p in (stride, padding, dilation)):
        raise ValueError(f"{op}: ranks do not fit: {x=}, {w=}, {stride=}, {padding=}, {dilation=}")
    if groups < 1 or x[1] != w[1] * groups or w[0] % groups:
        raise ValueError(f"{op}: channels do not fit: {x=}, {w=}, {groups=}")
    if min(stride) < 1 or min(dilation) < 1 or min(w[2:]) < 1:
        raise ValueError(f"{op}: expected positive sizes, got {w=}, {stride=}, {dilation=}")
    specs = zip(x[2:], w[2:], stride, padding, dilation, strict=True)
    out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in specs)
    if min(out) < 0:
        raise ValueError(
            f"{op}: kernel exceeds the padded input: {x=}, {w=}, {padding=}, {dilation=}"
        )
    return out


def _check_grad(op: str, got: Ints, expected: Ints) -> None:
    if tuple(got) != expected:
        raise ValueError(f"{op}: expected a gradient of shape {expected}, got {tuple(got)}")


def _swap_channels(w: np.ndarray, groups: int) -> np.ndarray:
    """View w (D, C/groups, *K) as the (C, D/groups, *K) of the transposed product."""
    per_out, per_in = w.shape[0] // groups, w.shape[1]
    split = w.reshape(groups, per_out, per_in, *w.shape[2:]).swapaxes(1, 2)
    return split.reshape(groups * per_in, per_out, *w.shape[2:])


def _axis_phases(
    kernel: int, stride: int, padding: int, dilation: int
) -> Iterator[tuple[int, slice, int, int]]:
    """Yield, for each residue of the input position, its start and the flipped taps that reach it.

    Position i = stride * q + start receives w[k] g[(i + padding - k * dilation) / stride]; the
    taps k that divide are first, first + step, ..., so the gradient of each residue is a
    correlation of stride 1 with that slice of w.
    """
    common = math.gcd(stride, dilation)
    step, spread = stride // common, dilation // common
    for start in range(stride):
        first = next(
            (k for k in range(min(step, kernel)) if (start + padding - k * dilation) % stride == 0),
            None,
        )
        if first is None:
            yield start, slice(0, 0), 1, 0
            continue
        count = -(-(kernel - first) // step)
        last = first + (count - 1) * step
        base = (start + padding - first * dilation) // stride - (count - 1) * spread
        yield start, slice(last, first - 1 if first else None, -step), spread, base


def _correlate(x: np.ndarray, w: np.ndarray, y: np.ndarray, window: _Window, groups: int) -> None:
    """Write the correlation into y (any strides), tile by tile."""
    if y.size == 0:
        return
    if w.size == 0 or x.size == 0:
        y[...] = 0
        return
    per_out, per_in = w.shape[0] // groups, w.shape[1]
    tiles = _tiles(y.shape[0], groups, window, per_in, per_out)
    put_tile = _tile_forward(w, window, groups)

    def run(start: int, stop: int) -> None:
        for tile in tiles[start:stop]:
            put_tile(x, tile, tile.of_output(y, per_out))

    _run_blocks(len(tiles), y.size * w[0].size, run)


def _run_blocks(count: int, products: int, run: Callable[[int, int], None]) -> None:
    if products <= SERIAL_PRODUCTS:
        run(0, count)
        return
    with single_blas_thread():
        parallel_for(count, 1, run)


def _tiles(
    images: int, groups: int, window: _Window, per_in: int, per_out: int, whole: bool = False
) -> list[_Tile]:
    """Cut the work by shape alone: no thread count changes a sum. `whole` keeps rows together."""
    depth = per_in * math.prod(window.kernel)
    row = math.prod(window.extent[1:])
    image, rows, blocks, batch = row * window.out[0], window.out[0], groups, 1
    total = images * image * groups
    tiles = max(1, min(TILES, total * depth * per_out // TILE_PRODUCTS))
    budget = max(min(TILE_ELEMENTS // depth, -(-total // tiles)), TILE_POSITIONS)
    if image * groups <= budget:
        batch = budget // (image * groups)
    else:
        blocks = max(1, budget // image)
    if image > budget and not whole:
        rows = max(1, budget // row)
    cuts = (_cut(images, batch), _cut(groups, blocks), _cut(window.out[0], rows))
    return [_Tile(*cut) for cut in product(*cuts)]


def _cut(size: int, step: int) -> list[range]:
    """Cut 0..size into pieces of at most `step` that differ by at most one."""
    parts = -(-size // step)
    return [range(size * k // parts, size * (k + 1) // parts) for k in range(parts)]


def _tile_forward(
    w: np.ndarray, window: _Window, groups: int
) -> Callable[[np.ndarray, _Tile, np.ndarray], None]:
    per_out, per_in, taps = w.shape[0] // groups, w.shape[1], math.prod(w.shape[2:])
    interleave = _interleaves(window, per_in)
    split = w.reshape(groups, per_out, per_in, taps)
    weights = np.ascontiguousarray(split.transpose((0, 3, 2, 1) if interleave else (0, 1, 3, 2)))
    weights = weights.reshape(
        (groups, taps * per_in, per_out) if interleave else (groups, per_out, taps * per_in)
    )
    put = _interleaved_forward if interleave else _planar_forward

    def put_tile(x: np.ndarray, tile: _Tile, y: np.ndarray) -> None:
        part = window.rows(tile.rows)
        put(tile.of_input(x, per_in), weights[tile.groups], part, y)

    return put_tile


def _interleaves(window: _Window, per_in: int) -> bool:
    waste = math.prod(window.extent) / math.prod(window.out)
    return per_in >= MIN_INTERLEAVED and waste > MAX_WASTE


def _planar_forward(x: np.ndarray, weights: np.ndarray, window: _Window, y: np.ndarray) -> None:
    columns = _planar_columns(x, window)
    grid = (y.shape[2], *window.extent)
    flat = scratch("product", (*weights.shape[:2], math.prod(grid)), y.dtype)
    np.matmul(weights, columns, out=flat[..., : columns.shape[2]])
    y[...] = _crop(flat.reshape(*weights.shape[:2], *grid), window.out)


def _interleaved_forward(
    x: np.ndarray, weights: np.ndarray, window: _Window, y: np.ndarray
) -> None:
    columns = _interleaved_columns(x, window)
    flat = scratch("product", (*columns.shape[:2], weights.shape[2]), y.dtype)
    np.matmul(columns, weights, out=flat)
    y[...] = np.moveaxis(flat.reshape(y.shape[0], *y.shape[2:], -1), -1, 1)


def _planar_weight_grad(g: np.ndarray, x: np.ndarray, window: _Window, total: np.ndarray) -> None:
    columns = _planar_columns(x, window)
    rows = _spread(g, window.extent, total.dtype)[..., : columns.shape[2]]
    # this way round OpenBLAS takes 82 against 63 GFLOP/s: it packs the longer operand in order
    total += np.matmul(columns, rows.swapaxes(1, 2))


def _interleaved_weight_grad(
    g: np.ndarray, x: np.ndarray, window: _Window, total: np.ndarray
) -> None:
    rows = _spread(g, window.out, total.dtype)
    total += np.matmul(rows, _interleaved_columns(x, window))


def _crop(a: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    index: Any = (..., *map(slice, shape))
    return a[index]


def _spread(g: np.ndarray, grid: Ints, dtype: np.dtype) -> np.ndarray:
    """Lay g (groups, per, images, *O) out on the columns' grid, zero between, flattened."""
    compact = g.shape[3:] == grid
    flat = scratch("rows", (*g.shape[:3], *grid), dtype)
    if not compact:
        flat[...] = 0
    _crop(flat, g.shape[3:])[...] = g
    return flat.reshape(*g.shape[:2], math.prod(flat.shape[2:]))


def _overlaps(sizes: Ints, lengths: Ints, steps: Ints, bases: Ints) -> tuple[Any, Any]:
    """Return e and i = e * step + base of each axis as slices, 0 <= e < size, 0 <= i < length."""
    specs = zip(lengths, sizes, bases, steps, strict=True)
    pairs = [window_parts(*spec) or (slice(0, 0), slice(0, 0)) for spec in specs]
    return tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)


def _fill(target: np.ndarray, source: np.ndarray, step: Ints, base: Ints) -> None:
    """Set target[..., e] = source[..., e * step + base] over trailing axes, zero outside."""
    sizes = target.shape[-len(step) :]
    into, outof = _overlaps(sizes, source.shape[-len(step) :], step, base)
    if any(part.stop - part.start < size for part, size in zip(into, sizes, strict=True)):
        target[...] = 0
    target[(..., *into)] = source[(..., *outof)]


def _planar_columns(x: np.ndarray, window: _Window) -> np.ndarray:
    """Gather columns (groups, taps * per, positions) as contiguous runs that include the row ends.

    x (groups, per, images, *S) is split by position modulo stride, each phase flattened over images
    and space: a tap then reads one run. The last positions, which no output needs, are left out.
    """
    starts, taps = window.plan()
    groups, per, images = x.shape[:3]
    phases = scratch("phases", (groups, len(starts), per, images, *window.extent), x.dtype)
    for at, start in enumerate(starts):
        _fill(phases[:, at], x, window.stride, start)
    phases = phases.reshape(groups, len(starts), per, -1)
    longest = taps[-1][1]
    if longest == 0:  # every tap has a phase of its own: 1x1, or patches that do not overlap
        return phases.reshape(groups, len(taps) * per, -1)
    columns = scratch("columns", (groups, len(taps), per, phases.shape[3] - longest), x.dtype)
    for at, (phase, shift) in enumerate(taps):
        columns[:, at] = phases[:, phase, :, shift : shift + columns.shape[3]]
    return columns.reshape(groups, len(taps) * per, -1)


def _interleaved_columns(x: np.ndarray, window: _Window) -> np.ndarray:
    """Gather columns (groups, positions, taps * per) from a channels-last copy, none wasted."""
    groups, per, images = x.shape[:3]
    last = scratch("phases", (groups, images, *window.span, per), x.dtype)
    _fill(
        last.transpose(0, last.ndim - 1, *range(1, last.ndim - 1)),
        x,
        (1,) * len(window.out),
        window.base,
    )
    windows = _sliding(last, window)
    columns = scratch("columns", windows.shape, x.dtype)
    columns[...] = windows
    return columns.reshape(groups, -1, math.prod(window.kernel) * per)


def _sliding(last: np.ndarray, window: _Window) -> np.ndarray:
    """View (groups, images, *span, per) as (groups, images, *out, *kernel, per)."""
    space = last.strides[2:-1]
    moves = tuple(n * s for n, s in zip(space, window.stride, strict=True))
    taps = tuple(n * d for n, d in zip(space, window.dilation, strict=True))
    shape = (*last.shape[:2], *window.out, *window.kernel, last.shape[-1])
    strides = (*last.strides[:2], *moves, *taps, last.strides[-1])
    return np.lib.stride_tricks.as_strided(last, shape, strides, writeable=False)


def _scatter(g: np.ndarray, w: np.ndarray, gx: np.ndarray, window: _Window, groups: int) -> None:
    """Fill gx by adding every tap's product, tiles of whole images and groups side by side."""
    if gx.size == 0:
        return
    gx[...] = 0
    if g.size == 0 or w.size == 0:
        return
    per_out, per_in, taps = w.shape[0] // groups, w.shape[1], math.prod(window.kernel)
    matrix = (
        w.reshape(groups, per_out, per_in, taps)
        .transpose(0, 3, 2, 1)
        .reshape(groups, taps * per_in, per_out)
    )
    tiles = _tiles(g.shape[0], groups, window, per_in, per_out, whole=True)

    def run(start: int, stop: int) -> None:
        for tile in tiles[start:stop]:
            weights = matrix[tile.groups]
            _scatter_tile(tile.of_output(g, per_out), weights, tile.of_input(gx, per_in), window)

    _run_blocks(len(tiles), g.size * per_in * taps, run)


def _scatter_tile(g: np.ndarray, weights: np.ndarray, gx: np.ndarray, window: _Window) -> None:
    """Add taps into phases of gx, the transpose of `_planar_columns`, a cache's worth at a time."""
    starts, taps = window.plan()
    groups, per, images = gx.shape[:3]
    rows = _spread(g, window.extent, gx.dtype)
    phases = scratch("phases", (groups, len(starts), per, images, *window.extent), gx.dtype)
    phases[...] = 0
    flat = phases.reshape(groups, len(starts), per, -1)
    length = flat.shape[3] - taps[-1][1]
    step = max(TILE_ELEMENTS // (groups * weights.shape[1]), TILE_POSITIONS)
    for chunk in _cut(length, step):
        part = rows[..., chunk.start : chunk.stop]
        columns = scratch("columns", (*weights.shape[:2], part.shape[2]), gx.dtype)
        columns = np.matmul(weights, part, out=columns).reshape(groups, len(taps), per, -1)
        for at, (phase, shift) in enumerate(taps):
            flat[:, phase, :, shift + chunk.start : shift + chunk.stop] += columns[:, at]
    for at, start in enumerate(starts):
        outof, into = _overlaps(window.extent, gx.shape[3:], window.stride, start)
        phase_at: Any = (slice(None), at, ..., *outof)
        gx[(..., *into)] = phases[phase_at]
