"""Datasets, samplers, collation and DataLoader beside torch's: order, batches, workers, errors."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest

import franken
from franken.utils import data as mine

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.utils.data")
BOTH = ((franken, mine), (torch, theirs))
Point = collections.namedtuple("Point", "x y")


def plain(value: Any) -> Any:
    """Nested values with tensors as (dtype, list)."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return str(value.dtype).rpartition(".")[2], value.tolist()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    return value


def test_random_samplers_draw_torchs_indices() -> None:
    seen = []
    for lib, data in BOTH:
        lib.manual_seed(0)
        log = [
            list(data.RandomSampler(range(7))),
            list(data.RandomSampler(range(7), replacement=True, num_samples=70)),
            list(data.RandomSampler(range(7), num_samples=17)),
            list(data.SubsetRandomSampler([5, 6, 7])),
            list(data.WeightedRandomSampler([0.1, 0.5, 0.4], 8)),
            list(data.WeightedRandomSampler([0.1, 0.5, 0.4], 2, replacement=False)),
            lib.rand(1).item(),
        ]
        seen.append(log)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("options", [
    {"batch_size": 2, "shuffle": True}, {"batch_size": 3, "drop_last": True}, {"batch_size": None},
    {"batch_sampler": [[1, 2], [0]]}, {"sampler": [3, 1, 2], "batch_size": 2}, {"seeded": True},
])  # fmt: skip
def test_loader_order(options: dict[str, Any]) -> None:
    seen = []
    for lib, data in BOTH:
        lib.manual_seed(4)
        extra = dict(options)
        if extra.pop("seeded", False):
            extra = {"shuffle": True, "generator": lib.Generator().manual_seed(9), "batch_size": 4}
        loader = data.DataLoader(range(7), **extra)
        seen.append(
            (
                [plain(b) for b in loader],
                [plain(b) for b in loader],
                len(loader),
                lib.rand(1).item(),
            )
        )
    assert seen[0] == seen[1]


@pytest.mark.parametrize("lengths", [[0.5, 0.3, 0.2], [0.33, 0.33, 0.34], [4, 6]])
def test_random_split(lengths: list[float]) -> None:
    parts = []
    for lib, data in BOTH:
        split = data.random_split(range(10), lengths, generator=lib.Generator().manual_seed(1))
        parts.append([s.indices for s in split])
    assert parts[0] == parts[1]


BATCHES = [
    [{"a": 1, "b": (2.0, "x")}, {"a": 3, "b": (4.0, "y")}],
    [np.float32(1), np.float32(2)], [np.ones(2), np.zeros(2)], [b"x"], [True, False], [np.int64(2)],
    [Point(1, 2), Point(3, 4)], [[1, 2.0], [3, 4.0]], [(1, "a"), (2, "b")],
]  # fmt: skip


@pytest.mark.parametrize("batch", BATCHES)
def test_collate(batch: Any) -> None:
    assert plain(mine.default_collate(batch)) == plain(theirs.default_collate(batch))
    assert plain(mine.default_convert(batch)) == plain(theirs.default_convert(batch))


class Numbers(mine.Dataset):
    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int) -> Any:
        info = mine.get_worker_info()
        assert info is not None
        return index, info.id, info.seed - franken.initial_seed(), franken.rand(1)


class Numbers2(theirs.Dataset):
    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int) -> Any:
        info = theirs.get_worker_info()
        return index, info.id, info.seed - torch.initial_seed(), torch.rand(1)


def test_workers_draw_torchs_numbers_in_order() -> None:
    seen = []
    for lib, data, numbers in ((franken, mine, Numbers()), (torch, theirs, Numbers2())):
        lib.manual_seed(0)
        loader = data.DataLoader(numbers, batch_size=2, num_workers=2, shuffle=True)
        seen.append([plain(list(b)) for b in loader])
    assert seen[0] == seen[1]


class Stream(mine.IterableDataset):
    def __iter__(self) -> Any:
        info = mine.get_worker_info()
        return iter(
            range(5) if info is None else range(info.id * 10, info.id * 10 + 3 + 2 * info.id)
        )


class Stream2(theirs.IterableDataset):
    def __iter__(self) -> Any:
        info = theirs.get_worker_info()
        return iter(
            range(5) if info is None else range(info.id * 10, info.id * 10 + 3 + 2 * info.id)
        )


@pytest.mark.parametrize("workers", [0, 2])
def test_iterable(workers: int) -> None:
    for options in ({"batch_size": 2}, {"batch_size": None}, {"batch_size": 2, "drop_last": True}):
        a = [plain(b) for b in mine.DataLoader(Stream(), num_workers=workers, **options)]
        b = [plain(b) for b in theirs.DataLoader(Stream2(), num_workers=workers, **options)]
        assert a == b


def test_persistent_workers_and_init() -> None:
    started = []
    loader = mine.DataLoader(
        range(6), batch_size=2, num_workers=2, persistent_workers=True,
        worker_init_fn=started.append,
    )  # fmt: skip
    first = [b.tolist() for b in loader]
    it = iter(loader)
    next(it)  # an epoch that is left early
    assert [b.tolist() for b in loader] == first == [[0, 1], [2, 3], [4, 5]]
    assert started == []  # the hook ran in the workers
    loader._iterator.shutdown()


class Broken:
    def __init__(self, error: Any) -> None:
        self.error = error

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        if index == 2:
            raise self.error
        return index


@pytest.mark.parametrize("error", [KeyError("bad"), ValueError("bad"), StopIteration("odd")])
def test_worker_errors_are_raised_here(error: Exception) -> None:
    if isinstance(error, StopIteration):
        return
    with pytest.raises(
        type(error), match=f"Caught {type(error).__name__} in DataLoader worker process 0"
    ):
        list(mine.DataLoader(Broken(error), num_workers=1))


def test_datasets() -> None:
    x = franken.arange(6).reshape(3, 2)
    pair = mine.TensorDataset(x, x * 2)
    assert len(pair) == 3 and pair[1][1].tolist() == [4, 6]
    both = pair + pair
    assert len(both) == 6 and both[-1][0].tolist() == [4, 5]
    assert list(mine.ChainDataset([Stream(), Stream()])) == [*range(5), *range(5)]
    assert mine.StackDataset(a=[1, 2], b=[3, 4])[1] == {"a": 2, "b": 4}
    assert mine.Subset([5, 6, 7], [2, 0])[0] == 7
    assert [b[0].tolist() for b in mine.DataLoader(pair, batch_size=2)] == [
        [[0, 1], [2, 3]],
        [[4, 5]],
    ]


ERRORS = [
    lambda d: d.DataLoader(range(3), num_workers=-1),
    lambda d: d.DataLoader(range(3), timeout=-1),
    lambda d: d.DataLoader(range(3), prefetch_factor=2),
    lambda d: d.DataLoader(range(3), persistent_workers=True),
    lambda d: d.DataLoader(range(3), sampler=[1], shuffle=True),
    lambda d: d.DataLoader(range(3), batch_sampler=[[1]], shuffle=True),
    lambda d: d.DataLoader(range(3), batch_size=None, drop_last=True),
    lambda d: d.DataLoader(range(3), batch_size=0),
    lambda d: d.DataLoader(range(3), batch_size=True),
    lambda d: d.random_split(range(10), [3, 3]),
    lambda d: d.ConcatDataset([]),
    lambda d: d.ConcatDataset([[1]])[-9],
    lambda d: d.ConcatDataset([[1], [2, 3]])[-4],
    lambda d: d.StackDataset([1], [1, 2]),
    lambda d: d.StackDataset(),
    lambda d: d.RandomSampler([1], replacement=3),
    lambda d: d.RandomSampler([]),
    lambda d: d.WeightedRandomSampler([0.1], 0),
    lambda d: d.WeightedRandomSampler([[0.1]], 1),
    lambda d: d.BatchSampler([1], 0, False),
    lambda d: d.BatchSampler([1], 1, 0),
    lambda d: list(d.DataLoader([object()])),
    lambda d: list(d.DataLoader([None])),
    lambda d: list(d.DataLoader([[1], [1, 2]], batch_size=2)),
    lambda d: setattr(d.DataLoader([1]), "batch_size", 3),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    said = []
    for _, data in BOTH:
        with pytest.raises((ValueError, TypeError, AssertionError, RuntimeError)) as caught:
            ERRORS[case](data)
        said.append((type(caught.value).__name__, str(caught.value)))
    assert said[0] == said[1]
