"""`DataLoader`: batches of a dataset, in this process or by worker processes, in a fixed order.

Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import queue
import warnings
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

import franken
from franken.utils.data.collate import default_collate, default_convert
from franken.utils.data.dataset import Dataset, IterableDataset
from franken.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from franken.utils.data.worker import Exhausted, Failure, Fetcher, Worker


class _InfiniteConstantSampler(Sampler[Any]):
    """None for ever: an iterable dataset has no indices."""

    def __iter__(self) -> Iterator[Any]:
        return itertools.repeat(None)


T_co = TypeVar("T_co", covariant=True)


class DataLoader(Generic[T_co]):
    """Iterate over a dataset in batches.

    >>> import franken as torch
    >>> [b.tolist() for b in DataLoader(range(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]

    Args:
        dataset: by index or iterable.
        batch_size: None switches batching off.
        shuffle: a new order every epoch, torch's one for the seed.
        num_workers: processes that load; batches arrive in the sampler's order all the same.
    """

    _fixed = (
        "batch_size",
        "batch_sampler",
        "sampler",
        "drop_last",
        "dataset",
        "persistent_workers",
    )

    def __init__(
        self, dataset: Dataset[T_co], batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Any = None, batch_sampler: Any = None, num_workers: int = 0,
        collate_fn: Any = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Any = None, multiprocessing_context: Any = None,
        generator: Any = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _warn_excess(num_workers)
        self.dataset: Any = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.timeout, self.worker_init_fn, self.in_order = timeout, worker_init_fn, in_order
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self._dataset_kind = "iterable" if isinstance(dataset, IterableDataset) else "map"
        if self._dataset_kind == "iterable":
            shuffle = _check_iterable(shuffle, sampler, batch_sampler)
        else:
            shuffle = bool(shuffle)
        _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = self._default_sampler(shuffle, generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self.persistent_workers = persistent_workers
        self._iterator: Any = None
        self._promised: int | None = None  # the length that an iterable dataset was asked for
        self._initialized = True

    def _default_sampler(self, shuffle: bool, generator: Any) -> Any:
        if self._dataset_kind == "iterable":
            return _InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._fixed and self.__dict__.get("_initialized"):
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _fetcher(self) -> tuple[Any, ...]:
        return (self.dataset, self._auto_collation, self.collate_fn, self.drop_last,
                self._dataset_kind)  # fmt: skip

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        if not self.persistent_workers:
            return _MultiProcessingDataLoaderIter(self)
        if self._iterator is None:
            self._iterator = _MultiProcessingDataLoaderIter(self)
        else:
            self._iterator.restart(self)
        return self._iterator  # type: ignore[no-any-return]

    def __len__(self) -> int:
        if self._dataset_kind != "iterable":
            return len(self._index_sampler)
        self._promised = n = len(self.dataset)
        if self.batch_size is not None:
            n = n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return n


def _check_workers(num_workers: int, timeout: float, prefetch: Any, persistent: bool) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."  # noqa: E501
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 "
            "to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch is not None and prefetch < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _warn_exceeded(dataset: Any, workers: int, promised: int, fetched: int) -> None:
    hint = (
        "For multiprocessing data-loading, this could be caused by not properly configuring the "
        "IterableDataset replica at each worker. Please see "
        "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
    )
    warnings.warn(
        f"Length of IterableDataset {dataset} was reported to be {promised}(when accessing "
        f"len(dataloader)), but {fetched} samples have been fetched. "
        f"{hint if workers else ''}",
        stacklevel=3,
    )


def _usable_cpus() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # a system that does not say
        return os.cpu_count()


def _warn_excess(wanted: int) -> None:
    usable = _usable_cpus()
    if usable is not None and wanted > usable:
        warnings.warn(
            f"This DataLoader will create {wanted} worker processes in total. Our suggested max "
            f"number of worker in current system is {usable}, which is smaller than what this "
            "DataLoader is going to create. Please be aware that excessive worker creation might "
            "get DataLoader running slow or even freeze, lower the worker number to avoid "
            "potential slowness/freeze if necessary.",
            stacklevel=3,
        )


def _context(context: Any, num_workers: int) -> Any:
    """What starts the worker processes, from its name or None."""
    if context is None:
        return None
    if not num_workers:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0),"
            f" but got num_workers={num_workers}"
        )
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{known!r}, but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> bool:
    for name, value, refused in (
        ("shuffle", shuffle, shuffle not in (False, None)),
        ("sampler", sampler, sampler is not None),
        ("batch_sampler", batch_sampler, batch_sampler is not None),
    ):
        if refused:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )
    return False


def _check_batching(
    batch_size: Any, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                "drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


class _BaseDataLoaderIter:
    """One pass over the data.

    It takes what it needs from the loader and does not hold it: a loader holds the iterator of
    persistent workers, which end when their iterator is gone.
    """

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset, self._index_sampler = loader.dataset, loader._index_sampler
        self._num_workers, self._generator = loader.num_workers, loader.generator
        self._pin_memory = loader.pin_memory and franken.cuda.is_available()
        if loader.pin_memory and not self._pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=3,
            )
        self._begin(loader)

    def _begin(self, loader: DataLoader[Any]) -> None:
        self._sampler_iter = iter(self._index_sampler)
        # Drawn even without workers, as torch does: the shuffled order depends on it.
        drawn = franken.empty((), dtype=franken.int64).random_(generator=self._generator)
        self._base_seed = int(drawn.item())
        self._num_yielded, self._promised = 0, loader._promised

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        promised = self._promised
        if promised is not None and self._num_yielded > promised:
            _warn_exceeded(self._dataset, self._num_workers, promised, self._num_yielded)
        return _pinned(data) if self._pin_memory else data

    def _next_data(self) -> Any:
        raise NotImplementedError


def _pinned(data: Any) -> Any:
    if isinstance(data, franken.Tensor):
        return data.pin_memory()
    if isinstance(data, dict):
        return {k: _pinned(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)) and not hasattr(data, "_fields"):
        return type(data)(_pinned(v) for v in data)
    return data.pin_memory() if hasattr(data, "pin_memory") else data


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Loads in this process."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._fetcher = Fetcher(*loader._fetcher())

    def _next_data(self) -> Any:
        return self._fetcher.fetch(next(self._sampler_iter))


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Loads by worker processes; results are put back into the order of the sampler."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._owner = os.getpid()
        self._timeout, self._persistent_workers = loader.timeout, loader.persistent_workers
        self._prefetch_factor = loader.prefetch_factor or 0
        self._workers: list[Any] = []
        self._tasks: list[Any] = []
        context = loader.multiprocessing_context or multiprocessing.get_context()
        n = loader.num_workers
        self._results = context.Queue()
        self._tasks.extend(context.Queue() for _ in range(n))
        for i, tasks in enumerate(self._tasks):
            work = Worker(
                loader._fetcher(), tasks, self._results, self._base_seed, i, n,
                loader.worker_init_fn,
            )  # fmt: skip
            process = context.Process(target=work, daemon=True)
            process.start()
            self._workers.append(process)
        self._epoch = 0
        self._reset()

    def restart(self, loader: DataLoader[Any]) -> None:
        """Begin another epoch with the same processes."""
        self._drain()
        self._begin(loader)
        self._epoch += 1
        for tasks in self._tasks:
            tasks.put((None, None))
        self._reset()

    def _drain(self) -> None:
        while self._out:
            key, _ = self._receive()
            self._out.pop(key[1], None)

    def _reset(self) -> None:
        self._sent = self._wanted = 0
        self._out: dict[int, int] = {}  # task number -> worker
        self._arrived: dict[int, Any] = {}
        self._alive = [True] * len(self._tasks)
        self._turn = itertools.cycle(range(len(self._tasks)))
        for _ in range(self._prefetch_factor * len(self._tasks)):
            self._send()

    def _send(self) -> None:
        """Hand the next index to the next worker that still has data."""
        worker = next(
            (w for w in itertools.islice(self._turn, len(self._alive)) if self._alive[w]), None
        )
        if worker is None:
            return
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        self._out[self._sent] = worker
        self._tasks[worker].put(((self._epoch, self._sent), index))
        self._sent += 1

    def _receive(self) -> Any:
        waited = 0.0
        step = min(self._timeout or 5.0, 5.0)
        while True:
            try:
                key, packed = self._results.get(timeout=step)
                return key, pickle.loads(packed)
            except queue.Empty:
                dead = [p.pid for p in self._workers if not p.is_alive()]
                if dead:
                    raise RuntimeError(
                        f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited unexpectedly"  # noqa: E501
                    ) from None
                waited += step
                if self._timeout and waited >= self._timeout:
                    raise RuntimeError(
                        f"DataLoader timed out after {self._timeout} seconds"
                    ) from None

    def _next_data(self) -> Any:
        while True:
            while self._wanted < self._sent and self._wanted not in self._arrived:
                (epoch, number), data = self._receive()
                if epoch == self._epoch:
                    self._out.pop(number, None)
                    self._arrived[number] = data
            if self._wanted >= self._sent:
                if not self._persistent_workers:
                    self.shutdown()
                raise StopIteration
            data = self._arrived.pop(self._wanted)
            self._wanted += 1
            if isinstance(data, Exhausted):
                self._alive[data.worker] = False
                self._send()
                continue
            self._send()
            if isinstance(data, Failure):
                data.reraise()
            return data

    def shutdown(self) -> None:
        """Stop the processes."""
        for tasks in self._tasks:
            tasks.put(None)
        for process in self._workers:
            process.join(timeout=5)
            if process.is_alive():
                process.terminate()
        if self._tasks:
            for q in (*self._tasks, self._results):
                q.cancel_join_thread()
                q.close()
        self._workers = []
        self._tasks = []

    def __del__(self) -> None:
        # a worker inherits iterators of its parent; they are not its own to end
        if getattr(self, "_workers", None) and self._owner == os.getpid():
            self.shutdown()
