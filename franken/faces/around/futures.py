"""torch.futures: results that come later. Callbacks run in the thread that sets the result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]
T = TypeVar("T")


class Future(Generic[T]):
    """A value or an error that is set once.

    >>> f = Future()
    >>> g = f.then(lambda done: done.value() + 1)
    >>> f.set_result(1)
    >>> g.wait()
    2
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._set = threading.Condition()
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []

    def done(self) -> bool:
        """Whether a result or an error was set."""
        return self._done

    def wait(self) -> T:
        """The result, waited for; raises the error that was set."""
        with self._set:
            self._set.wait_for(self.done)
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[no-any-return]

    def value(self) -> T:
        """The result of a future that is done."""
        if not self._done:
            raise RuntimeError("Future not complete")
        return self.wait()

    def set_result(self, result: T) -> None:
        """Set the result."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Set an error."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, result: Any, error: BaseException | None) -> None:
        with self._set:
            if self._done:
                raise RuntimeError("Future already completed")
            self._result, self._error, self._done = result, error, True
            self._set.notify_all()
        for callback in self._callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Call a function with this future when it is done."""
        with self._set:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """The future of a function of this one."""
        result: Future[Any] = Future()

        def run(done: Future[T]) -> None:
            try:
                value = callback(done)
            except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
                result.set_exception(error)
            else:
                result.set_result(value)

        self.add_done_callback(run)
        return result


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of the list, done when all of them are."""
    result: Future[list[Future[Any]]] = Future()
    left = [len(futures)]
    lock = threading.Lock()

    def count(_: Future[Any]) -> None:
        with lock:
            left[0] -= 1
            last = not left[0]
        if last:
            result.set_result(futures)

    if not futures:
        result.set_result(futures)
    for future in futures:
        future.add_done_callback(count)
    return result


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The results of all."""
    return [future.wait() for future in collect_all(futures).wait()]
