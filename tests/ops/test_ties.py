"""Which of several equal values comes first: torch's choice, though torch promises none.

Its algorithms are deterministic and the same on every processor; indices and gradients show them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import franken
from franken.backends.numpy import ties

torch = pytest.importorskip("torch")

DTYPES = ("float32", "float64", "int64", "int32", "bfloat16")


def tied(seed: int) -> tuple[Any, Any, int]:
    """A matrix with many equal values, in both libraries, and its number of columns."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([3, 5, 16, 17, 33, 64, 130, 257, 700]))
    a = rng.integers(0, int(rng.choice([1, 2, 3, 20, 500])), (3, n)).astype(float)
    dtype = DTYPES[seed % len(DTYPES)]
    if seed % 3 == 0 and not dtype.startswith("int"):
        a[rng.random(a.shape) < 0.1] = np.nan
    x, y = (m.tensor(a).to(getattr(m, dtype)) for m in (torch, franken))
    return x, y, n


def same(got: Any, want: Any) -> None:
    """Values and indices agree."""
    for g, w in zip(got, want, strict=True):
        np.testing.assert_array_equal(g.double().numpy(), w.double().numpy())


@pytest.mark.parametrize("seed", range(40))
def test_sort(seed: int) -> None:
    """sort and argsort along both dimensions, and the stable form."""
    x, y, _ = tied(seed)
    down = bool(seed % 2)
    for dim in (0, 1):
        same(franken.sort(y, dim, down), torch.sort(x, dim, down))
        same([franken.argsort(y, dim, down)], [torch.argsort(x, dim, down)])
        stable = {"dim": dim, "descending": down, "stable": True}
        same(franken.sort(y, **stable), torch.sort(x, **stable))
        same([franken.argsort(y, **stable)], [torch.argsort(x, **stable)])


@pytest.mark.parametrize("seed", range(40))
def test_topk(seed: int) -> None:
    """Few of many are kept in a heap, others selected and then sorted, or not."""
    x, y, n = tied(seed)
    for k in {1, max(1, n // 64), n // 2, n}:
        for sorted_ in (True, False):
            largest = bool(seed % 2)
            same(franken.topk(y, k, 1, largest, sorted_), torch.topk(x, k, 1, largest, sorted_))


@pytest.mark.parametrize("seed", range(40))
def test_kthvalue_and_mode(seed: int) -> None:
    """The place that quickselect finds, and the last of the longest run of a sorted row."""
    x, y, n = tied(seed)
    for k in {1, n // 2 or 1, n}:
        same(franken.kthvalue(y, k, 1), torch.kthvalue(x, k, 1))
    if not x.isnan().any():  # torch's sort for the mode knows no NaN and mixes others with them
        same(franken.mode(y, 1), torch.mode(x, 1))


@pytest.mark.parametrize("size", [17, 100, 5000])
def test_bools(size: int) -> None:
    """Nearly all bools are equal to each other."""
    a = np.random.default_rng(size).integers(0, 2, size).astype(bool)
    same(franken.sort(franken.tensor(a)), torch.sort(torch.tensor(a)))


def organ_pipes(n: int) -> Any:
    """Ranks that drive the median of three to the edges until the depth runs out."""
    half = n // 2
    a = np.empty(n, np.int64)
    for i in range(half):  # Musser's permutation against the median of three
        a[i], a[half + i] = (i if i % 2 else half + i), 2 * i + 1
    return a // 2


def test_the_heaps_that_step_in_when_partitions_do_not_shrink() -> None:
    """Beyond 2 log2(n) divisions a segment is sorted by a heap; selections likewise."""
    a = organ_pipes(2048)
    seen = []
    plain = ties._heap_sorted
    ties._heap_sorted = lambda *args: seen.append(args) or plain(*args)  # type: ignore[assignment]
    try:
        order = ties.introsort(a)
    finally:
        ties._heap_sorted = plain
    assert seen
    np.testing.assert_array_equal(order, torch.sort(torch.tensor(a))[1].numpy())
    found = ties.introselect(a, 1000)[:1001]
    want = torch.topk(torch.tensor(a), 1001, largest=False, sorted=False)[1]
    np.testing.assert_array_equal(found, want.numpy())


def test_many_elements_keep_their_order() -> None:
    """Beyond the limit of a call the order is stable, as for the integers of torch's radix sort."""
    a = np.random.default_rng(0).integers(0, 9, 40000)
    same(franken.sort(franken.tensor(a)), torch.sort(torch.tensor(a)))
    assert a.size > ties.LIMIT


@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 40)])
def test_nothing_to_order(shape: tuple[int, int]) -> None:
    """No rows and rows of nothing."""
    x, y = torch.zeros(shape), franken.zeros(shape)
    same(franken.sort(y), torch.sort(x))
    same([franken.argsort(y)], [torch.argsort(x)])
    for k in {0, shape[1] // 2}:
        same(franken.topk(y, k), torch.topk(x, k))


def test_gradients_go_to_the_chosen_element() -> None:
    """The gradient shows the index."""
    for f in (
        lambda m, x: x.kthvalue(2)[0], lambda m, x: x.topk(2)[0].sum(),
        lambda m, x: (x.sort()[0] * m.arange(x.shape[0])).sum(), lambda m, x: x.mode()[0],
    ):  # fmt: skip
        got = []
        for m in (torch, franken):
            x = m.tensor([1.0, 2.0, 1.0, 2.0, 1.0] * 5, requires_grad=True)
            got.append(m.autograd.grad(f(m, x), x)[0].numpy())
        np.testing.assert_array_equal(*got)


@pytest.mark.parametrize("seed", range(20))
def test_unique_rows_beside_nan(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(2, 17)), *(() if seed % 2 else (int(rng.integers(1, 4)),)))
    a = rng.choice([0.0, 1.0, np.nan, -1.0], size=shape)
    found = [
        m.unique(m.from_numpy(a), dim=0, return_inverse=True, return_counts=True)
        for m in (franken, torch)
    ]
    same(*found)
