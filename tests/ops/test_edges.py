"""Sizes of nothing, bounds of draws, odd masks and other edges: values, refusals and warnings.

Every case is run by both libraries; of random draws only the shape is compared.
"""

from __future__ import annotations

import itertools
import warnings

import pytest
import torch

import franken

WHOLE = ["uint8", "int8", "int16", "int32", "int64", "bool", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]


def outcome(t, case):
    """(result as plain values, or the refusal; the first words of warnings)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            got = plain(t, case(t))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            got = type(error).__name__, str(error)[:50]
    return got, sorted({str(w.message)[:50] for w in caught})


def plain(t, value):
    if isinstance(value, (tuple, list)):
        return [plain(t, v) for v in value]
    if isinstance(value, t.Tensor):
        return str(value.dtype).split(".")[-1], tuple(value.shape), value.tolist()
    return value


def agree(case):
    assert outcome(franken, case) == outcome(torch, case)


BOUNDS = [(0, 300), (-1, 5), (0, 2**40), (0, 2), (3, 3), (0, -1), (0, None), (-5, -2), (0,), (),
          (-(2**63), None), (0, 2**70), (1.5, 2.5), (-(2**30), 2**30), (0, 2**25),
          (0, 2**9)]  # fmt: skip


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("dtype", [*WHOLE, *FLOATS, "complex64"])
def test_bounds_of_random_(dtype, bounds):
    if (dtype, bounds) == ("uint64", (0, None)):
        return  # torch counts the bound in int64, and refuses it
    agree(lambda t: tuple(t.zeros(3, dtype=getattr(t, dtype)).random_(*bounds).shape))


@pytest.mark.parametrize("n", [0, 5, 128, 129, 256, 257, 70000])
@pytest.mark.parametrize("dtype", WHOLE)
def test_sizes_of_randperm(dtype, n):
    agree(lambda t: tuple(t.randperm(n, dtype=getattr(t, dtype)).shape))


SHAPES = {
    1: [(2, 3, 4), (3, 4), (0, 3, 4), (2, 0, 4), (2, 3, 0), (0, 4), (3, 0)],
    2: [(2, 3, 4, 4), (3, 4, 4), (0, 3, 4, 4), (2, 0, 4, 4), (2, 3, 4, 0), (0, 4, 4), (3, 0, 4)],
    3: [(2, 3, 4, 4, 4), (3, 4, 4, 4), (0, 3, 4, 4, 4), (2, 0, 4, 4, 4), (0, 4, 4, 4)],
}


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_adaptive_pools_of_nothing(n, kind):
    for shape, size in itertools.product(SHAPES[n], ((0,) * n, (0, *(2,) * (n - 1)), 2)):
        agree(lambda t, shape=shape, size=size: getattr(
            t.nn.functional, f"adaptive_{kind}_pool{n}d")(t.zeros(shape), size))  # fmt: skip


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_adaptive_pools_of_no_windows_have_no_slope(n, kind):
    def pulled(t):
        x = t.ones((1, 6) + (5,) * n, requires_grad=True)
        getattr(t.nn.functional, f"adaptive_{kind}_pool{n}d")(x, 0).sum().backward()

    agree(pulled)


@pytest.mark.parametrize("n", [2, 3])
def test_fractional_pools_of_nothing(n):
    for shape, size in itertools.product(SHAPES[n], ((0,) * n, (0, *(1,) * (n - 1)), (1,) * n,
                                                     (5,) * n, (-1,) * n)):  # fmt: skip
        lead = (1, shape[0]) if len(shape) == n + 1 else shape[:2]
        agree(lambda t, shape=shape, size=size, lead=lead: getattr(
            t.nn.functional, f"fractional_max_pool{n}d")(
                t.zeros(shape), 2, output_size=size, _random_samples=t.full((*lead, n), 0.3)
            ))  # fmt: skip


EMPTY = [((2, 0, 5), (8, 0, 2), 8), ((2, 0, 5), (8, 0, 2), None), ((0, 3, 5), (4, 3, 2), 4),
         ((2, 3, 5), (0, 3, 2), 0), ((2, 0, 5, 5), (8, 0, 2, 2), 8), ((0, 0, 5), (4, 0, 2), 4),
         ((2, 3, 0), (4, 3, 2), 4), ((2, 3, 0), (4, 3, 1), 4),
         ((2, 0, 4, 4, 4), (6, 0, 2, 2, 2), 6)]  # fmt: skip


@pytest.mark.parametrize("more", [{}, {"padding": 1, "stride": 2}, {"groups": 2}, {"groups": 0}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize(("x", "w", "b"), EMPTY, ids=str)
def test_convolutions_of_nothing(x, w, b, more):
    def pulled(t):
        leaves = [t.ones(s, requires_grad=True) for s in (x, w, b) if s is not None]
        y = getattr(t.nn.functional, f"conv{len(x) - 2}d")(
            *leaves, *(None,) * (3 - len(leaves)), **more
        )
        y.sum().backward()
        return [tuple(y.shape), *[v.grad for v in leaves]]

    agree(pulled)


def written(t, index, value):
    a = t.arange(6).reshape(2, 3)
    a[index] = value
    return a


ODD = {
    "int8": lambda t: t.arange(6).reshape(2, 3)[t.tensor(1, dtype=t.int8)],
    "int16 written": lambda t: written(t, t.tensor(1, dtype=t.int16), 5),
    "int16 row": lambda t: t.arange(4)[t.tensor([1], dtype=t.int16)],
    "bytes": lambda t: t.arange(4)[t.tensor([1, 0, 0, 1], dtype=t.uint8)],
    "a byte": lambda t: t.arange(6).reshape(2, 3)[t.tensor(1, dtype=t.uint8)],
    "bytes filled": lambda t: written(t, t.tensor([1, 0], dtype=t.uint8), 5),
    "bytes put": lambda t: t.arange(3.0).index_put((t.tensor([1, 0, 1]).byte(),), t.ones(2)),
    "two": lambda t: t.arange(4).reshape(2, 2)[t.tensor([1, 0]).byte(), t.tensor([1, 0]).byte()],
    "no values": lambda t: written(t, t.tensor([True, False]), t.tensor([])),
    "few values": lambda t: written(t, t.tensor([True, False]), t.tensor([1, 2])),
    "float values": lambda t: written(t, t.tensor([True, False]), t.tensor([1.0])),
    "unravel word": lambda t: t.unravel_index(t.tensor([1]), "a"),
    "unravel float": lambda t: t.unravel_index(t.tensor([1]), 1.5),
    "unravel floats": lambda t: t.unravel_index(t.tensor([1]), (2, 2.5)),
    "unravel none": lambda t: t.unravel_index(t.tensor([1]), None),
    "unravel negative": lambda t: t.unravel_index(t.tensor([1]), (-1, 2)),
    "unravel": lambda t: t.unravel_index(t.tensor([1, 3]), (2, 3)),
    "topk bool": lambda t: t.ones(2, 3).topk(4, True),
    "topk float": lambda t: t.ones(2, 3).topk(2.0),
    "arange far": lambda t: t.arange(1.17e-38, 3.4e38),
    "arange wide": lambda t: t.arange(-(2**62), 2**62),
    "empty wide": lambda t: t.empty((0, 2**40, 2**40)),
    "resize wide": lambda t: t.zeros(3).resize_(2**40, 2**40),
    "in itself": lambda t: t.tensor(itself()),
    "prod out": lambda t: t.prod(t.ones(2), 0, dtype=t.int32, out=t.zeros((), dtype=t.int64)),
}


def itself():
    inner: list[object] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize("name", ODD)
def test_odd_arguments(name):
    agree(ODD[name])


def test_a_warning_once():
    def twice(t):
        return [outcome(t, lambda t: t.meshgrid(t.arange(2), t.arange(2))) for _ in range(2)]

    for t in (franken, torch):
        t.set_warn_always(True)
    try:
        assert twice(franken) == twice(torch)
    finally:
        for t in (franken, torch):
            t.set_warn_always(False)
    assert twice(franken)[1][1] == []
