"""Run coding jobs in worker processes, or here when there is too little work for them.

A worker is this interpreter running `coding.py` on pipes: it imports nothing of the caller's
program, needs no guard in it, and ends when the caller dies. Knows no format.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from . import coding
from .errors import BadInput, CoderMissing, DurabilityError

Job = tuple[dict[str, Any], bytes]
# Below this many bytes, starting processes (about 0.1 s) costs more than it saves.
WORTH: Final = 48 << 20
_MAX_WORKERS: Final = 16
# A worker asks for blocks of the same few sizes again and again. By default glibc gives each back
# to the system, and takes it again page by page: 0.2 s of a CPU for 256 MB.
_ALLOCATOR: Final = {"MALLOC_MMAP_THRESHOLD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "268435456"}


def default_workers(total: int) -> int:
    """Return how many workers so many bytes are worth; 0 is this process.

    >>> default_workers(1000)
    0
    """
    if total < WORTH or not sys.executable:
        return 0
    return min(len(os.sched_getaffinity(0)), _MAX_WORKERS)


class Pool:
    """Workers that share the setup of one file or set; a context manager.

    ``run`` yields the answers to jobs in whatever order they come.
    """

    def __init__(self, paths: list[str], symbol: int, workers: int) -> None:
        self._setup = {"paths": paths, "symbol": symbol}
        self._wanted = workers
        self._processes: list[subprocess.Popen[bytes]] = []
        self._feeder: _Feeder | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        if self._feeder is not None:
            self._feeder.stop()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)

    def run(self, jobs: Iterable[Job]) -> Generator[Job, None, None]:
        """Yield message and bytes of the answer to each job; errors of reading are BadInput."""
        _need_coder()
        if self._wanted < 1:
            yield from self._here(jobs)
            return
        while len(self._processes) < self._wanted:
            self._processes.append(_start(self._setup))
        self._feeder = _Feeder(self._processes, iter(jobs))
        yield from self._feeder.answers()

    def _here(self, jobs: Iterable[Job]) -> Iterator[Job]:
        coder = coding.Coder(self._setup)
        try:
            for job in jobs:
                try:
                    answer = coder.run(*job)
                except OSError as error:
                    raise _unreadable(error.errno, error.filename or "") from error
                yield answer
        finally:
            coder.close()


class _Feeder:
    """One thread a process: takes the next job, waits for its answer, hands it over."""

    def __init__(self, processes: list[subprocess.Popen[bytes]], jobs: Iterator[Job]) -> None:
        self._jobs, self._lock, self._stopped = jobs, threading.Lock(), False
        # Bounded, so that answers do not pile up in memory while the caller writes to a slow disk.
        self._answers: queue.Queue[Job | BaseException | None] = queue.Queue(len(processes))
        self._threads = [
            threading.Thread(target=self._serve, args=(each,), daemon=True) for each in processes
        ]

    def answers(self) -> Iterator[Job]:
        """Yield answers until all jobs are done, or raise the first error."""
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        try:
            while running:
                answer = self._answers.get()
                if isinstance(answer, BaseException):
                    raise answer
                if answer is None:
                    running -= 1
                else:
                    yield answer
        finally:
            self.stop()

    def stop(self) -> None:
        """End the threads; those that wait for an answer end with their process."""
        self._stopped = True
        while any(thread.is_alive() for thread in self._threads):
            # A thread may wait for room in the queue.
            while not self._answers.empty():
                self._answers.get_nowait()
            for thread in self._threads:
                thread.join(0.05)

    def _next(self) -> Job | None:
        with self._lock:
            return None if self._stopped else next(self._jobs, None)

    def _serve(self, process: subprocess.Popen[bytes]) -> None:
        try:
            while (job := self._next()) is not None:
                self._answers.put(_ask(process, job))
            self._answers.put(None)
        except (OSError, DurabilityError) as error:
            self._answers.put(error)


def _need_coder() -> None:
    try:
        import raptorq  # noqa: F401
    except ModuleNotFoundError as error:
        raise CoderMissing('RaptorQ is missing: pip install "franken[cli]"') from error


def _start(setup: dict[str, Any]) -> subprocess.Popen[bytes]:
    # -P: the script's own folder, with its modules `errors` and `source`, stays off the path.
    environment = {**_ALLOCATOR, **os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(coding.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert process.stdin is not None
    coding.send(process.stdin, setup, b"")
    return process


def _ask(process: subprocess.Popen[bytes], job: Job) -> Job:
    assert process.stdin is not None and process.stdout is not None
    try:
        coding.send(process.stdin, *job)
        answer = coding.receive(process.stdout)
    except BrokenPipeError:
        answer = None
    if answer is None:
        raise DurabilityError(
            f"a worker process ended with code {process.wait()}", reason="worker_ended"
        )
    if "errno" in answer[0]:
        raise _unreadable(answer[0]["errno"], answer[0]["path"])
    return answer


def _unreadable(code: int | None, path: str) -> BadInput:
    text = os.strerror(code) if code else "cannot be read"
    return BadInput(f"{path or 'a file'}: {text}", reason="unreadable")


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
