"""Share CPU work between threads without changing a single bit of the result.

Knows a lazily made thread pool, index ranges, elementwise and product splits. Ranges may depend on
the number of threads, sums may not: kernels cut those by shape. Must not know Tensor or any other
kernel.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

# two cores, float32 additions on one and two threads: 2^18 took 153 and 193 us, 2^19 271 and 252,
# 2^22 4982 and 2759; exp 2^19 586 and 457
SPLIT_ELEMENTS = 1 << 19
BLOCK_ELEMENTS = 1 << 17  # 512 KiB of float32: half of a core's second-level cache
# OpenBLAS' own thread waits for more work by spinning (26 ms a product here), which takes a core
# from whatever runs next: it multiplies on one thread, and large products are cut over ours
BLAS_SERIAL = 1 << 13  # the multiply-adds below which OpenBLAS never starts a thread
SPLIT_PRODUCTS = 1 << 22  # multiply-adds a piece is worth: 0.1 ms
# rows or columns a piece has at least, since each packs the other factor again: 512 cubed takes
# 3.2 ms in pieces of 64, 1.4 in pieces of 128, 2.5 on one thread
SPLIT_COLUMNS = 128
PIECES = 16

_lock = threading.RLock()
_threads: int | None = None
_pool: _Pool | None = None
_inside = (
    threading.local()
)  # set in a worker: nested calls run serially instead of waiting for themselves


def get_num_threads() -> int:
    """Return the number of threads kernels may use.

    First use reads FRANKEN_NUM_THREADS, else takes the CPUs this process may run on.

    >>> get_num_threads() >= 1
    True
    """
    global _threads
    if _threads is None:
        text = os.environ.get("FRANKEN_NUM_THREADS", "")
        count = int(text) if text else _usable_cpus()
        if count < 1:
            raise ValueError(f"FRANKEN_NUM_THREADS: expected a positive integer, got {text!r}")
        _threads = count
    return _threads


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Set the number of threads kernels may use; results do not depend on it.

    >>> before = get_num_threads(); set_num_threads(1); get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _threads
    if count < 1:
        raise ValueError(f"set_num_threads: expected a positive integer, got {count}")
    with _lock:
        _forget_pool()
        _threads = count


def _forget_pool() -> None:
    global _pool
    if _pool is not None:
        _pool.end()
        _pool = None


def _after_fork() -> None:
    # the child has none of the parent's threads: a pool inherited by it would wait for ever
    global _pool, _lock
    _pool, _lock = None, threading.RLock()
    _blas.reset()


class _Piece:
    """One range at work on another thread; `wait` returns what it raised, or None."""

    __slots__ = ("_done", "_error", "_work")

    def __init__(self, fn: Callable[[int, int], None], start: int, stop: int) -> None:
        self._work = fn, start, stop
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def run(self) -> None:
        with self:
            _run_inside(*self._work)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        self._error = error  # the caller's thread raises it
        self._done.release()
        return True

    def wait(self) -> BaseException | None:
        self._done.acquire()
        return self._error


class _Pool:
    """Threads that wait for pieces: handing one over costs 5 us, an executor's future 20 us."""

    def __init__(self, count: int) -> None:
        import queue

        self._count = count
        self._pieces: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        for k in range(count):
            threading.Thread(target=self._serve, name=f"franken_{k}", daemon=True).start()

    def _serve(self) -> None:
        while (piece := self._pieces.get()) is not None:
            piece.run()
            del piece  # with the arrays it holds, not only when the next one comes

    def submit(self, piece: _Piece) -> _Piece:
        self._pieces.put(piece)
        return piece

    def end(self) -> None:
        for _ in range(self._count):
            self._pieces.put(None)


def _submit(fn: Callable[[int, int], None], start: int, stop: int) -> _Piece:
    global _pool
    with _lock:
        if _pool is None:
            _pool = _Pool(get_num_threads() - 1)
        return _pool.submit(_Piece(fn, start, stop))


def _run_inside(fn: Callable[[int, int], None], start: int, stop: int) -> None:
    before = getattr(_inside, "busy", False)
    _inside.busy = True
    try:
        fn(start, stop)
    finally:
        _inside.busy = before


def parallel_for(n: int, grain: int, fn: Callable[[int, int], None]) -> None:
    """Call `fn(start, stop)` over ranges covering 0..n, on several threads when n exceeds `grain`.

    `fn` must write only what belongs to its range. An error is raised after all ranges have ended.

    >>> hit = np.zeros(10, int)
    >>> def mark(start, stop): hit[start:stop] += 1
    >>> parallel_for(10, 2, mark); hit.tolist()
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    parts = min(get_num_threads(), -(-n // max(grain, 1)))
    if n <= 0:
        return
    if parts <= 1 or getattr(_inside, "busy", False):
        fn(0, n)
        return
    cuts = [n * k // parts for k in range(parts + 1)]
    waiting = [_submit(fn, cuts[k], cuts[k + 1]) for k in range(1, parts)]
    try:
        _run_inside(fn, cuts[0], cuts[1])
    finally:
        errors = [piece.wait() for piece in waiting]
    for error in errors:
        if error is not None:
            raise error


def scratch(slot: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Uninitialised memory that this thread had before under the same name, grown as needed.

    For tiles of a few MiB, whose pages the system would clear on every call. The contents are the
    caller's until it asks for the slot again; nothing that outlives the kernel may lie in it.

    >>> scratch("doc", (2, 3), np.dtype("float32")).shape
    (2, 3)
    """
    need = math.prod(shape) * dtype.itemsize
    held = _inside.__dict__.setdefault("scratch", {})
    if slot not in held or held[slot].size < need:
        held[slot] = np.empty(need, np.uint8)
    return held[slot][:need].view(dtype).reshape(shape)


def over_blocks(count: int, size: int, run: Callable[[int, int], None]) -> None:
    """Call `run(start, stop)` over 0..count, items of `size` elements, in blocks a core can cache.

    >>> seen = []
    >>> over_blocks(3, 1 << 20, lambda start, stop: seen.append((start, stop)))
    >>> sorted(seen)
    [(0, 1), (1, 2), (2, 3)]
    """
    step = max(1, BLOCK_ELEMENTS // max(size, 1))

    def some(start: int, stop: int) -> None:
        for at in range(start, stop):
            run(at * step, min(count, (at + 1) * step))

    parallel_for(-(-count // step), 2, some)


def elementwise(fn: Callable[..., Any], *arrays: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Run `fn(*arrays, out=out)`, split over threads where all operands are large and C-contiguous.

    Arrays have the shape of `out` or one element. `fn` is a NumPy ufunc (or keeps its contract).

    >>> elementwise(np.add, np.ones(3), np.ones(3), out=np.empty(3)).tolist()
    [2.0, 2.0, 2.0]
    """
    if out.size < SPLIT_ELEMENTS or get_num_threads() == 1 or not _splittable(arrays, out):
        fn(*arrays, out=out)
        return out
    flat = [a.reshape(-1) if a.size == out.size else a.reshape(1) for a in arrays]
    target = out.reshape(-1)

    def part(start: int, stop: int) -> None:
        fn(*[a[start:stop] if a.size > 1 else a for a in flat], out=target[start:stop])

    parallel_for(out.size, SPLIT_ELEMENTS // 2, part)
    return out


def matmul(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`numpy.matmul`, its larger side (or its batch) cut over threads by shape alone.

    >>> matmul(np.ones((2, 3)), np.ones((3, 1))).tolist()
    [[3.0], [3.0]]
    """
    work = x.size if y.ndim < 2 else x.size * y.shape[-1]
    if work <= BLAS_SERIAL or x.dtype.char not in "fdFD":
        return np.matmul(x, y)
    with single_blas_thread():
        if work < 2 * SPLIT_PRODUCTS or x.ndim < 2 or y.ndim < 2:
            return np.matmul(x, y)
        return _cut_matmul(x, y, work)


def _cut_matmul(x: np.ndarray, y: np.ndarray, work: int) -> np.ndarray:
    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    shape = (*shape, x.shape[-2], y.shape[-1])
    work = max(work, math.prod(shape) * x.shape[-1])
    axis, least = len(shape) - 2, SPLIT_COLUMNS
    if shape[-1] > shape[-2]:
        axis += 1
    if len(shape) > 2 and shape[0] >= shape[axis] // SPLIT_COLUMNS:
        axis, least = 0, 1
    pieces = min(PIECES, work // SPLIT_PRODUCTS, shape[axis] // least)
    if pieces < 2:
        return np.matmul(x, y)
    pieces = 1 << (pieces.bit_length() - 1)  # three pieces take two threads as long as four
    out = np.empty(shape, np.result_type(x, y))
    back = axis - len(shape)

    def run(start: int, stop: int) -> None:
        for k in range(start, stop):
            part = slice(shape[axis] * k // pieces, shape[axis] * (k + 1) // pieces)
            left = x if back == -1 else _along(x, back, part)
            right = y if back == -2 else _along(y, back, part)
            np.matmul(left, right, out=_along(out, back, part))

    parallel_for(pieces, 1, run)
    return out


def _along(a: np.ndarray, axis: int, part: slice) -> np.ndarray:
    """Slice `axis` (counted from the end); an axis that broadcasts stays whole."""
    if a.ndim < -axis or a.shape[axis] == 1:
        return a
    index: Any = (..., part, *(slice(None),) * (-axis - 1))
    return a[index]


def _splittable(arrays: tuple[np.ndarray, ...], out: np.ndarray) -> bool:
    if not out.flags.c_contiguous:
        return False
    return all(a.size == 1 or (a.shape == out.shape and a.flags.c_contiguous) for a in arrays)


class _BlasThreads:
    """NumPy's bundled OpenBLAS, held to one thread while kernels run tiles on their own threads."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.saved = 1
        self.calls: tuple[Any, Any] | None = None
        self.looked = False

    def find(self) -> tuple[Any, Any] | None:
        """Return OpenBLAS' (get, set) thread count functions; None for another BLAS."""
        if not self.looked:
            self.looked = True
            from pathlib import Path

            root = Path(np.__file__).parent
            for path in sorted(
                [*root.parent.glob("numpy.libs/*openblas*"), *root.glob(".dylibs/*openblas*")]
            ):
                self.calls = self.calls or _thread_calls(ctypes.CDLL(str(path)))
        return self.calls

    def __enter__(self) -> None:
        with self.lock:
            calls = self.find()
            if calls is not None and self.depth == 0:
                self.saved = calls[0]()
                if self.saved != 1:
                    calls[1](1)
            self.depth += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.depth -= 1
            if self.calls is not None and self.depth == 0 and self.saved != 1:
                self.calls[1](self.saved)


def _thread_calls(library: ctypes.CDLL) -> tuple[Any, Any] | None:
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("64_", ""):
            getter = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
            setter = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
            if getter is not None and setter is not None:
                return getter, setter
    return None


_blas = _BlasThreads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def single_blas_thread() -> _BlasThreads:
    """Hold OpenBLAS to one thread within the block: a product's bits then depend on shapes alone.

    Does nothing where NumPy uses another BLAS. Blocks may nest and overlap; the last one restores.

    >>> with single_blas_thread():
    ...     float(np.ones((2, 2)).dot(np.ones(2))[0])
    2.0
    """
    return _blas
