"""What the verbs of `franken ckpt` share: options, progress, events, errors and exit codes.

Knows the command line; no file format and no picture.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from franken.cli.ckpt_show import printable

_VISIBLE_AFTER = 1.0  # seconds of work before a bar appears

Progress = Callable[[int, int, str], None]


class Share(click.ParamType):
    """A share of the data: "5%" or 0.05.

    >>> Share().convert("5%", None, None)
    0.05
    """

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the share as a number."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value!r} is no share, such as 5% or 0.05", param, ctx)
        if not 0 < number < float("inf"):
            self.fail(f"{value!r} is no share above 0", param, ctx)
        return number


def options(function: Any) -> Any:
    """Add --json, --workers and --log to a verb."""
    for option in (
        click.option("--log", metavar="FILE", default=None,
                     help="Append events to FILE as lines of JSON; - is standard error."),
        click.option("--workers", type=click.IntRange(0), default=None,
                     help="Processes that code; 0 is none. Default: one a processor."),
        json_option,
    ):  # fmt: skip
        function = option(function)
    return function


def json_option(function: Any) -> Any:
    """Add --json to a verb."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


@contextmanager
def running(
    verb: str, as_json: bool, log: str | None = None, **about: Any
) -> Iterator[dict[str, Any]]:
    """Turn errors into a message and an exit code, and tell the log what happened.

    What the block puts into the dictionary goes into the event at its end.
    """
    from franken.serialization.durability.errors import DurabilityError
    from franken.serialization.errors import FormatError

    result: dict[str, Any] = {}
    started = time.perf_counter()
    with opened_log(log) as event:
        event(f"{verb}.begin", **about)
        try:
            yield result
        except (DurabilityError, FormatError, OSError) as error:
            code = getattr(error, "exit_code", 2)
            reason = getattr(error, "reason", "unreadable")
            event(f"{verb}.failed", reason=reason, exit_code=code, error=str(error), **about)
            _complain(verb, as_json, str(error), reason, code)
            sys.exit(code)
        event(f"{verb}.end", seconds=round(time.perf_counter() - started, 3), **about, **result)


def _complain(verb: str, as_json: bool, text: str, reason: str, code: int) -> None:
    if as_json:
        click.echo(json.dumps({"error": text, "reason": reason, "exit_code": code}))
        return
    mark = "" if f"[{reason}]" in text else f" [{reason}]"
    click.echo(printable(f"franken ckpt {verb}: {text}{mark}"), err=True)


@contextmanager
def opened_log(target: str | None) -> Iterator[Callable[..., Any]]:
    """Yield a function (event, **fields) that appends to ``target``, or does nothing."""
    if target is None:
        yield lambda event, **fields: None
        return
    try:
        import structlog
    except ImportError as error:
        raise click.UsageError(
            '--log needs the package structlog: pip install "franken[cli]"'
        ) from error
    try:
        with ExitStack() as stack:
            file: Any = sys.stderr
            if target != "-":
                file = stack.enter_context(open(target, "a", encoding="utf-8"))
            yield structlog.wrap_logger(
                structlog.WriteLogger(file),
                processors=[
                    structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.JSONRenderer(),
                ],
            ).info
    except OSError as error:
        raise click.UsageError(f"--log {target}: {error.strerror}") from error


@contextmanager
def progress_bar(as_json: bool) -> Iterator[Progress | None]:
    """Yield a progress function whose bar appears after a second; None without a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield None
        return
    bar = _Bar(console)
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """A bar on standard error that is not there for short work."""

    def __init__(self, console: Any) -> None:
        self._console, self._started = console, time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int, label: str) -> None:
        if self._bar is None:
            if time.monotonic() - self._started < _VISIBLE_AFTER:
                return
            self._open()
        self._bar.update(self._task, completed=done, total=total, description=label)

    def _open(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
                   TransferSpeedColumn(), TimeRemainingColumn())  # fmt: skip
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
