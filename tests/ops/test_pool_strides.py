"""How pools' results and gradients lie in memory, and what inputs without elements give."""

from __future__ import annotations

import itertools

import pytest

ALL = 99  # words of an error


def channels_last(t, x):
    return x.contiguous(memory_format={4: t.channels_last, 5: t.channels_last_3d}[x.ndim])


LAYOUTS = {
    "rows": lambda t, x: x,
    "last": lambda t, x: channels_last(t, x) if x.ndim > 3 else x,
    "turned": lambda t, x: x.transpose(-1, -2).contiguous().transpose(-1, -2),
    "gaps": lambda t, x: (channels_last(t, t.cat([x, x], 2))[:, :, : x.shape[2]]
                          if x.ndim > 3 else t.cat([x, x], 2)[:, :, : x.shape[2]]),
}  # fmt: skip
POOLS = {
    "max_pool": {"kernel_size": 2, "return_indices": True}, "avg_pool": {"kernel_size": 2},
    "adaptive_max_pool": {"output_size": 2, "return_indices": True},
    "adaptive_avg_pool": {"output_size": 2}, "lp_pool": {"norm_type": 2, "kernel_size": 2},
}  # fmt: skip
SHAPES = [(2, 3, 4), (1, 3, 4), (1, 1, 4), (2, 1, 4), (0, 3, 4), (3, 4)]


def pooled(t, name, n, shape, mix, **options):
    """Strides of everything; a shape of two sizes has no batch."""
    full = (*shape[:-1], *(shape[-1],) * n)
    single = len(shape) == 2
    x = LAYOUTS[mix[0]](t, t.ones(((1,) if single else ()) + full))
    x = (x.squeeze(0) if single else x).requires_grad_()
    made = getattr(t.nn.functional, f"{name}{n}d")(x, **options)
    outs = made if isinstance(made, tuple) else (made,)
    g = t.ones(outs[0].shape)
    g = g if single else LAYOUTS[mix[1]](t, g)
    return [o.stride() for o in outs], t.autograd.grad(outs[0], x, g)[0].stride()


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("name", POOLS)
def test_results_and_gradients(agree, name, n):
    for shape, *mix in itertools.product(SHAPES, LAYOUTS, ("rows", "last", "turned")):
        agree(lambda t, s=shape, m=mix: pooled(t, name, n, s, m, **POOLS[name]), words=ALL)


@pytest.mark.parametrize("n", [2, 3])
def test_plain_means(agree, n):
    for shape, *mix in itertools.product(SHAPES, LAYOUTS, ("rows", "last")):
        agree(
            lambda t, s=shape, m=mix: pooled(t, "adaptive_avg_pool", n, s, m, output_size=1),
            words=ALL,
        )


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_no_channels_or_no_windows(agree, kind, n):
    tail = (4,) * n
    for shape in ((2, 0, *tail), (0, *tail), (0, 3, *tail), (0, 0, *tail), (3, *tail)):
        for size in (2, 1, 0, (0,) + (2,) * (n - 1)):

            def program(t, shape=shape, size=size):
                x = t.ones(shape, requires_grad=True)
                y = getattr(t.nn.functional, f"adaptive_{kind}_pool{n}d")(x, size)
                g = t.autograd.grad(y, x, t.ones_like(y))[0]
                return tuple(y.shape), tuple(g.shape), g

            agree(program, words=ALL)


@pytest.mark.parametrize("shape", [(0, 2, 4, 6), (1, 0, 4, 6), (1, 2, 0, 6), (0, 4, 6), (1, 4, 6)])
def test_empty_images_are_not_unshuffled(agree, shape):
    def program(t):
        x = t.ones(shape, requires_grad=True)
        y = t.nn.functional.pixel_unshuffle(x, 2)
        return tuple(y.shape), y.stride(), y.grad_fn.name(), y is x

    agree(program, words=ALL)
