"""How convolutions' results and gradients lie in memory, for images and filters in every mix."""

from __future__ import annotations

import itertools

import pytest
import torch

import franken

# torch's: complex convolutions are new to it, and it has no Intel GPU
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

LAST = {3: lambda t, x: x.permute(0, 2, 1).contiguous().permute(0, 2, 1),
        4: lambda t, x: x.contiguous(memory_format=t.channels_last),
        5: lambda t, x: x.contiguous(memory_format=t.channels_last_3d)}  # fmt: skip
LAYOUTS = {
    "rows": lambda t, x: x,
    "last": lambda t, x: LAST[x.ndim](t, x),
    "turned": lambda t, x: x.transpose(-1, -2).contiguous().transpose(-1, -2),
    "gaps": lambda t, x: LAST[x.ndim](t, t.cat([x, x], 2))[:, :, : x.shape[2]],
}
# image, filters, groups, the rest
CASES = {
    1: [((2, 4, 5), (6, 4, 3), 1, {}), ((2, 1, 5), (3, 1, 1), 1, {}), ((1, 4, 5), (4, 1, 2), 4, {}),
        ((2, 2, 1), (2, 2, 1), 1, {"stride": 2})],
    2: [((2, 4, 5, 5), (6, 4, 3, 3), 1, {}), ((2, 4, 5, 5), (6, 4, 1, 1), 1, {}),
        ((2, 4, 5, 5), (4, 1, 3, 3), 4, {}), ((1, 1, 4, 5), (2, 1, 2, 2), 1, {}),
        ((3, 2, 3, 1), (2, 2, 1, 1), 1, {"stride": 2}), ((0, 2, 5, 5), (3, 2, 3, 3), 1, {}),
        ((2, 4, 6, 5), (1, 4, 2, 2), 1, {"dilation": 2, "padding": 1})],
    3: [((2, 4, 4, 5, 5), (6, 4, 3, 3, 3), 1, {}), ((1, 4, 4, 5, 5), (6, 4, 3, 3, 3), 1, {}),
        ((1, 4, 4, 5, 5), (6, 4, 1, 4, 4), 1, {}), ((1, 4, 4, 5, 5), (4, 1, 3, 3, 3), 4, {}),
        ((2, 4, 4, 5, 5), (6, 4, 3, 1, 1), 1, {}), ((16, 2, 2, 2, 2), (2, 2, 1, 1, 1), 1, {}),
        ((2, 2, 4, 4, 4), (2, 2, 2, 1, 1), 1, {"stride": 2}),
        ((1, 12, 34, 51, 1), (2, 12, 1, 1, 1), 1, {})],
}  # fmt: skip


def strides(t, case, dtype, mix, transposed, enabled):
    image, filters, groups, rest = case
    if transposed:  # of an image with the channels of the result
        image = (image[0], filters[0], *image[2:])
    x, w = (t.ones(s, dtype=getattr(t, dtype)) for s in (image, filters))
    x = LAYOUTS[mix[0]](t, x).requires_grad_()
    w = LAYOUTS[mix[1]](t, w).requires_grad_()
    name = f"conv{'_transpose' * transposed}{len(image) - 2}d"
    with t.backends.mkldnn.flags(enabled=enabled):
        y = getattr(t.nn.functional, name)(x, w, groups=groups, **rest)
        g = LAYOUTS[mix[2]](t, t.ones(y.shape, dtype=y.dtype))
        found = [y, *t.autograd.grad(y, (x, w), g)]
    return [f.stride() for f in found], [tuple(f.shape) for f in found]


def compare(n, dtype, enabled):
    mixes = itertools.product(LAYOUTS, LAYOUTS, ("rows", "last"))
    # torch adds complex numbers up from real parts: where channels are one, their order is open
    cases = CASES[n][:1] if dtype.startswith("complex") else CASES[n]
    for case, mix, transposed in itertools.product(cases, mixes, (False, True)):
        told = [strides(t, case, dtype, mix, transposed, enabled) for t in (torch, franken)]
        assert told[0] == told[1], (case, mix, transposed)


@pytest.fixture
def threads():
    """As many for both, which decides about some volumes."""
    before = torch.get_num_threads(), franken.get_num_threads()

    def set_to(count):
        torch.set_num_threads(count)
        franken.set_num_threads(count)

    yield set_to
    torch.set_num_threads(before[0])
    franken.set_num_threads(before[1])


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_results_and_gradients(n, dtype, enabled, threads):
    threads(1)
    compare(n, dtype, enabled)


def test_volumes_on_two_threads(threads):
    """Filters of one tap are worth a start there."""
    threads(2)
    for case, mix in itertools.product(CASES[3][4:], [("last", "rows", "rows")]):
        told = [strides(t, case, "float32", mix, False, True) for t in (torch, franken)]
        assert told[0] == told[1], case
