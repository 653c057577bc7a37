"""What runs inside a worker process of a DataLoader, and how its results and errors travel.

Knows queues and datasets, not how the loader orders the results.
"""

from __future__ import annotations

import os
import queue
import random
import traceback
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

_info: WorkerInfo | None = None
POLL = 5.0  # seconds after which a worker looks whether its parent is alive


class WorkerInfo:
    """Who this worker is: id, num_workers, seed, dataset."""

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:  # noqa: A002
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset

    def __repr__(self) -> str:
        return (
            f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, "
            f"dataset={self.dataset!r})"
        )


def get_worker_info() -> WorkerInfo | None:
    """Who this worker process is; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return _info


@dataclass(frozen=True)
class Exhausted:
    """A worker's iterable dataset has ended."""

    worker: int


class Failure:
    """An exception of another process, with its traceback as text."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.kind = type(error)
        text = "".join(traceback.format_exception(error))
        self.message = f"Caught {self.kind.__name__} {where}.\nOriginal {text}"

    def reraise(self) -> None:
        """Raise the same type of exception here."""
        if self.kind is KeyError:
            raise KeyError(_Text(self.message))
        try:
            error = self.kind(self.message)
        except TypeError:  # an exception whose constructor wants something else
            error = RuntimeError(self.message)
        raise error


class _Text(str):
    """Text whose repr keeps line breaks, for KeyError."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Trap:
    """Turns whatever is raised inside into a Failure, to be raised again in the main process."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.failure: Failure | None = None

    def __enter__(self) -> _Trap:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is not None:
            self.failure = Failure(error, self.where)
        return True


class Fetcher:
    """Get one batch (or one sample) from a dataset."""

    def __init__(
        self, dataset: Any, batched: bool, collate: Any, drop_last: bool, kind: str
    ) -> None:
        self.dataset, self.batched, self.collate, self.drop_last = (
            dataset,
            batched,
            collate,
            drop_last,
        )
        self.iterator = iter(dataset) if kind == "iterable" else None
        self.ended = False

    def fetch(self, index: Any) -> Any:
        """The collated batch; StopIteration when an iterable dataset has ended."""
        if self.iterator is None:
            return self.collate(self._by_index(index))
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate(next(self.iterator))
        data = []
        for _ in index:
            try:
                data.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(index)):
            raise StopIteration
        return self.collate(data)

    def _by_index(self, index: Any) -> Any:
        if not self.batched:
            return self.dataset[index]
        if hasattr(self.dataset, "__getitems__") and self.dataset.__getitems__:
            return self.dataset.__getitems__(index)
        return [self.dataset[i] for i in index]


class Worker:
    """The loop of one worker process: (key, index) in, (key, packed batch or Failure) out."""

    def __init__(
        self, fetcher: tuple[Any, ...], tasks: Any, results: Any, seed: int, worker: int,
        workers: int, init: Any,
    ) -> None:  # fmt: skip
        self.arguments, self.tasks, self.results, self.init = fetcher, tasks, results, init
        self.seed, self.worker, self.workers = seed, worker, workers
        self.fetcher: Fetcher | None = None
        self.broken: Failure | None = None

    def __call__(self) -> None:
        """Work until told to stop, or until the parent is gone."""
        parent = os.getppid()
        self._start()
        while True:
            try:
                task = self.tasks.get(timeout=POLL)
            except queue.Empty:
                if os.getppid() != parent:
                    return
                continue
            if task is None:
                self.results.cancel_join_thread()  # batches that nobody will read
                return
            key, index = task
            if key is None:  # a new epoch of persistent workers
                self.fetcher = None
            else:
                self.results.put((key, self._packed(self._answer(index))))

    def _start(self) -> None:
        global _info
        import franken

        franken.set_num_threads(1)
        seed = self.seed + self.worker
        franken.manual_seed(seed)
        random.seed(seed)
        words = [self.worker, self.seed & 0xFFFFFFFF, self.seed >> 32, 0]
        np.random.seed(np.random.SeedSequence(words).generate_state(4))
        _info = WorkerInfo(self.worker, self.workers, seed, self.arguments[0])
        if self.init is not None:
            self.broken = self._caught(lambda: self.init(self.worker))

    def _caught(self, call: Any) -> Any:
        """What `call` returns, or its exception as a Failure."""
        trap = _Trap(f"in DataLoader worker process {self.worker}")
        with trap:
            return call()
        return trap.failure

    def _packed(self, answer: Any) -> bytes:
        """The answer as bytes, made here: the queue's thread would lose what cannot be packed."""
        packed = self._caught(lambda: bytes(ForkingPickler.dumps(answer)))
        return packed if isinstance(packed, bytes) else bytes(ForkingPickler.dumps(packed))

    def _answer(self, index: Any) -> Any:
        if isinstance(self.broken, Failure):
            return self.broken

        def fetch() -> Any:
            if self.fetcher is None:
                self.fetcher = Fetcher(*self.arguments)
            try:
                return self.fetcher.fetch(index)
            except StopIteration:
                return Exhausted(self.worker)

        return self._caught(fetch)
