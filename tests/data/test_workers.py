"""Loading by worker processes: torch's random numbers, errors, warnings; nothing stays behind."""

from __future__ import annotations

import gc
import multiprocessing
import random
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import franken

MODULES = [torch, franken]


class Draws:
    """Samples of every source of random numbers that a worker has."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> Any:
        m = self.module
        info = m.utils.data.get_worker_info()
        return (i, info.id, info.num_workers, info.seed, m.initial_seed(), float(m.rand(())),
                random.random(), float(np.random.rand()), int(np.random.randint(1 << 30)),
                m.get_num_threads())  # fmt: skip


def loaded(m: Any, **options: Any) -> list[Any]:
    m.manual_seed(3)
    loader = m.utils.data.DataLoader(Draws(m), batch_size=None, num_workers=2, **options)
    return [tuple(sample) for _ in range(2) for sample in loader]


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_draw_what_torch_draws(persistent: bool) -> None:
    want, got = (loaded(m, persistent_workers=persistent) for m in MODULES)
    assert got == want
    assert got[0][9] == 1  # one thread each
    assert len({sample[3] for sample in got}) == (2 if persistent else 4)


class Broken:
    def __init__(self, bad: tuple[int, ...]) -> None:
        self.bad = bad

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> int:
        if i in self.bad:
            raise ValueError(f"sample {i}")
        return i


def steps(iterator: Any) -> list[Any]:
    found: list[Any] = []
    for _ in range(12):
        try:
            found.append(next(iterator))
        except StopIteration:
            found.append("end")
        except ValueError as error:
            found.append(str(error).splitlines()[0])
    return found


@pytest.mark.parametrize("persistent", [False, True])
def test_loading_goes_on_after_an_error(persistent: bool) -> None:
    def program(m: Any) -> Any:
        loader = m.utils.data.DataLoader(
            Broken((1, 6)), batch_size=None, num_workers=2, persistent_workers=persistent
        )
        return [steps(iter(loader)), steps(iter(loader))]

    assert program(franken) == program(torch)


class Tracked:
    def __init__(self, module: Any) -> None:
        self.module = module

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        return self.module.ones(2, requires_grad=True) * i


def test_a_graph_does_not_leave_a_worker() -> None:
    m = franken  # torch has the same words, and then waits for its worker
    loader = m.utils.data.DataLoader(Tracked(m), batch_size=2, num_workers=1, timeout=60)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        next(iter(loader))
    for m in MODULES:
        assert [b.requires_grad for b in m.utils.data.DataLoader(Tracked(m), batch_size=2)] == [
            True,
            True,
        ]


class Unpackable:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> Any:
        return lambda: i


def test_what_cannot_be_packed_is_an_error_and_not_a_wait() -> None:
    loader = franken.utils.data.DataLoader(Unpackable(), batch_size=None, num_workers=1, timeout=60)
    with pytest.raises((AttributeError, TypeError), match="DataLoader worker process 0"):
        next(iter(loader))


class Stream:
    """Made in each module from its IterableDataset."""

    def __new__(cls, m: Any) -> Any:
        class Made(m.utils.data.IterableDataset):
            def __iter__(self) -> Any:
                return iter(range(5))

            def __len__(self) -> int:
                return 3

            def __repr__(self) -> str:
                return "stream"

        return Made()


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_longer_stream_than_promised_is_told(workers: int, batch: Any) -> None:
    def program(m: Any) -> Any:
        loader = m.utils.data.DataLoader(Stream(m), batch_size=batch, num_workers=workers)
        told = []
        for asked in (False, True):
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                if asked:
                    len(loader)
                count = sum(1 for _ in loader)
            told.append((count, [(w.category, str(w.message)) for w in seen
                                 if "IterableDataset" in str(w.message)]))  # fmt: skip
        return told

    assert program(franken) == program(torch)


def told(m: Any, make: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        make(m.utils.data.DataLoader)
    return [str(w.message) for w in seen]


def test_warnings_of_settings() -> None:
    for make in (
        lambda loader: loader(range(4), num_workers=4096),
        lambda loader: iter(loader(range(4), pin_memory=True)),
    ):
        want = told(torch, make)
        assert want and told(franken, make) == want


@pytest.mark.parametrize("options", [
    {"num_workers": 1, "multiprocessing_context": "bad"},
    {"num_workers": 0, "multiprocessing_context": "fork"},
    {"num_workers": 1, "multiprocessing_context": 3},
])  # fmt: skip
def test_contexts_that_cannot_be(options: dict[str, Any]) -> None:
    errors = []
    for m in MODULES:
        with pytest.raises((ValueError, TypeError)) as caught:
            m.utils.data.DataLoader(range(3), **options)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


class Large:
    def __len__(self) -> int:
        return 64

    def __getitem__(self, i: int) -> Any:
        return np.zeros(1 << 18, np.float32)


def test_an_abandoned_pass_ends_its_workers() -> None:
    loader = franken.utils.data.DataLoader(Large(), batch_size=4, num_workers=2)
    iterator = iter(loader)
    next(iterator)
    workers = list(iterator._workers)
    del iterator
    gc.collect()
    assert not any(process.is_alive() for process in workers)


class Finalizing:
    """Collects what is unreachable in the worker, where an iterator of the parent is too."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> int:
        gc.collect()
        return i


def test_a_worker_does_not_end_the_workers_of_others() -> None:
    loader = franken.utils.data.DataLoader(Finalizing(), batch_size=None, num_workers=1)
    other = iter(franken.utils.data.DataLoader(range(6), batch_size=None, num_workers=1))
    circle = [iter(loader)]
    circle.append(circle)  # type: ignore[arg-type]
    gc.disable()
    try:
        del circle
        assert list(loader) == [0, 1, 2, 3]
    finally:
        gc.enable()
    assert list(other) == [0, 1, 2, 3, 4, 5]


def _threads() -> tuple[int, int]:
    """Python's threads, and all that the process has."""
    return threading.active_count(), len(list(Path("/proc/self/task").iterdir()))


class _Training:
    """Steps of everything that may start threads: products, samplers, transforms, loaders."""

    def __init__(self) -> None:
        self.model = franken.nn.Linear(24, 24)
        self.opt = franken.optim.SGD(self.model.parameters(), lr=0.01)
        self.data = franken.utils.data.TensorDataset(franken.rand(8, 24))

    def step(self, k: int) -> None:
        func, x = franken.func, franken.rand(32, 24)
        self.opt.zero_grad()
        (self.model(x) ** 2).sum().backward()
        self.opt.step()
        func.vmap(func.grad(lambda v: v.sin().sum()))(x[:4, :3])
        func.jvp(lambda v: v.exp(), (x[0],), (x[1],))
        if k < 10 or k % 8 == 0:
            franken.set_num_threads(1 + (k + k // 8) % 4)
            franken.rand(1 << 18).exp()  # enough to be shared by threads
            franken.rand(192, 192) @ franken.rand(192, 192)
        if k % 100 == 5:
            self.load(k)

    def load(self, k: int) -> None:
        options: dict[str, Any] = {"num_workers": 1, "pin_memory": k % 200 == 5}
        passing = iter(franken.utils.data.DataLoader(self.data, batch_size=4, **options))
        next(passing)
        if k % 400 == 5:
            list(passing)  # others are abandoned


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_threads_do_not_pile_up() -> None:
    gc.collect()  # of loaders that other tests left in cycles
    before = franken.get_num_threads()
    training = _Training()
    counts = {}
    try:
        for k in range(1000):
            training.step(k)
            if k in (9, 999):  # every number of threads has been asked for, and a loader ended
                counts[k] = _settled(counts.get(9))
    finally:
        franken.set_num_threads(before)
    assert counts[999] == counts[9]
    assert not multiprocessing.active_children()


def _settled(expected: tuple[int, int] | None) -> tuple[int, int]:
    """The threads, once those that were told to end have had the time for it."""
    deadline = time.monotonic() + 10.0
    found = _threads()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        before, found = found, _threads()
        if found == (expected or before):
            break
    return found


class Indexed:
    def __init__(self, n: int, short: bool = False) -> None:
        self.n, self.short = n, short

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> int:
        return i * 10

    def __getitems__(self, indices: list[int]) -> list[int]:
        return [i * 10 for i in indices][: -1 if self.short else None]


def test_stacked_datasets_use_their_own_way_to_get_many() -> None:
    for m in MODULES:
        stack = m.utils.data.StackDataset
        assert stack(Indexed(3), range(3)).__getitems__([0, 2]) == [(0, 0), (20, 2)]
        named = stack(a=Indexed(3), b=range(3)).__getitems__([1])
        assert named == [{"a": 10, "b": 1}]
        with pytest.raises(ValueError, match="^Nested dataset's output size mismatch"):
            stack(Indexed(3, short=True)).__getitems__([0, 1])


def test_distributed_sampler_permutes_anew_for_every_epoch() -> None:
    def program(m: Any) -> Any:
        found = []
        for options in ({}, {"drop_last": True}, {"shuffle": False}, {"seed": 5}):
            samplers = [
                m.utils.data.distributed.DistributedSampler(range(11), 3, r, **options)
                for r in range(3)
            ]
            for epoch in (0, 1, 7):
                for sampler in samplers:
                    sampler.set_epoch(epoch)
                found.append([list(sampler) for sampler in samplers])
        return found

    want = program(torch)
    assert program(franken) == want
    assert want[0] != want[1] and want[6] == want[7]
