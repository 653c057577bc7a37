"""A folder of checkpoints, one a step, that keeps itself small and never loses its last good one.

A step is a folder with the state and its sidecar. It is made under a hidden name and appears by one
rename, so a killed process leaves whole steps only. Knows paths; what a state is, the callables
know.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..atomic import _sync_directory
from ..errors import FormatError
from .errors import (
    BadInput,
    Busy,
    Damaged,
    DurabilityError,
    SidecarError,
    Unrepairable,
    reading,
    writing,
)
from .protect import protect
from .repair import repair
from .verify import verify

_STEP: Final = re.compile(r"step-(\d{8,18})")
_NEW: Final = ".new."  # being written
_OLD: Final = ".old."  # stands aside while its successor takes its name
_GONE: Final = ".gone."  # being deleted
_POLL: Final = 0.02


@dataclass(frozen=True, slots=True)
class Loaded:
    """A state that was loaded, from which step and file.

    ``repaired`` says that damage was undone, ``skipped`` which newer steps were lost, and why.
    """

    step: int
    state: Any
    path: Path
    repaired: bool = False
    skipped: tuple[tuple[int, str], ...] = ()


class Checkpoints:
    """The checkpoints of one training run, in ``folder``.

    ``keep_last`` newest steps stay, and every step that ``keep_every`` divides. ``save(state,
    path)`` and ``load(path)`` default to franken's own, for nested containers of tensors and
    arrays. ``wait`` is how many seconds a process waits for another one in the same folder; then
    Busy.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(folder, keep_last=2)
    ...     for step in (10, 20, 30):
    ...         _ = checkpoints.save(step, {"w": np.full(3, step)})
    ...     checkpoints.steps(), checkpoints.load().state
    ([20, 30], {'w': array([30, 30, 30])})
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep_last: int = 3,
        keep_every: int | None = None,
        redundancy: float = 0.05,
        save: Callable[[Any, str], Any] | None = None,
        load: Callable[[str], Any] | None = None,
        name: str = "state.franken",
        wait: float = 10.0,
    ) -> None:
        _check(keep_last, keep_every, save, load, name)
        self.folder = Path(folder)
        self.keep_last, self.keep_every, self.redundancy = keep_last, keep_every, redundancy
        self.name, self.wait = name, wait
        self._own_format = load is None
        self._save, self._load = save or _save, load or _load
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def steps(self) -> list[int]:
        """Return the steps that are there, oldest first; nothing is said of their bytes."""
        with reading(self.folder):
            names = os.listdir(self.folder)
        return sorted(int(found[1]) for found in map(_STEP.fullmatch, names) if found)

    def path(self, step: int) -> Path:
        """Return where the state of a step lies; its sidecar lies beside it."""
        return self.folder / _name(step) / self.name

    def save(self, step: int, state: Any) -> Path:
        """Write a step with its sidecar, read it back, and then delete what is not kept.

        A step that is there already is replaced. On any error the older steps stay.
        """
        if type(step) is not int or not 0 <= step < 10**18:
            raise BadInput(f"step {step!r}: expected a natural number", reason="bad_step")
        with self._locked():
            self._tidy()
            new = self.folder / f"{_NEW}{_name(step)}"
            try:
                self._write(new, state)
                self._place(new, step)
            finally:
                _remove(new)
            report = verify(self.path(step))
            if report.status != "intact" or not report.sidecar_intact:
                raise Damaged(
                    f"{self.path(step)}: {report.status} when it was read back; "
                    "no older step was deleted",
                    report=report,
                )
            self._prune(step)
        return self.path(step)

    def load(self, step: int | None = None) -> Loaded:
        """Return the newest step that is intact or can be repaired, or the one asked for.

        BadInput if there is none at all; Unrepairable if none can be had.
        """
        with self._locked():
            self._tidy()
            steps = self.steps() if step is None else [step]
            if not steps or (step is not None and not self.path(step).parent.is_dir()):
                raise BadInput(f"{self.folder}: no such checkpoint", reason="missing")
            skipped: list[tuple[int, str]] = []
            for each in reversed(steps):
                why, repaired = self._make_good(each)
                if not why:
                    state = self._load(str(self.path(each)))
                    return Loaded(each, state, self.path(each), repaired, tuple(skipped))
                skipped.append((each, why))
        raise Unrepairable(
            f"{self.folder}: no checkpoint is left: "
            + "; ".join(f"step {each}: {why}" for each, why in skipped)
        )

    def _make_good(self, step: int) -> tuple[str, bool]:
        """Return why a step cannot be used, "" if it can, and whether it was repaired for that."""
        path = self.path(step)
        try:
            report = verify(path)
            if report.status == "repairable" or not report.sidecar_intact:
                repair(path)
                return "", True
            if report.status == "not proven":
                return self._unproven(path, "it has no sidecar"), False
        except (SidecarError, Unrepairable) as error:
            return self._unproven(path, str(error)), False
        except DurabilityError as error:
            # A disk that is full or a file in use says nothing against this step.
            if error.reason != "missing":
                raise
            return str(error), False
        return ("damaged beyond repair" if report.status == "lost" else ""), False

    def _unproven(self, path: Path, why: str) -> str:
        # franken's own format carries the SHA-256 of every array: it proves itself.
        if not self._own_format or path.suffix == ".safetensors":
            return why
        try:
            self._load(str(path))
        except (FormatError, OSError) as error:
            return f"{why}; {error}"
        protect(path, redundancy=self.redundancy)
        return ""

    def _write(self, new: Path, state: Any) -> None:
        with writing(new):
            new.mkdir()
            file = new / self.name
            self._save(state, str(file))
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
        protect(file, redundancy=self.redundancy)
        _sync_directory(str(new))

    def _place(self, new: Path, step: int) -> None:
        target, old = self.folder / _name(step), self.folder / f"{_OLD}{_name(step)}"
        with writing(target):
            # A folder cannot be renamed over another. Killed in between, `_tidy` undoes it.
            if target.exists():
                os.rename(target, old)
            os.rename(new, target)
            _sync_directory(str(self.folder))
        _remove(old)

    def _prune(self, newest: int) -> None:
        steps = self.steps()
        kept = {newest, *steps[-self.keep_last :]}
        if self.keep_every:
            kept.update(step for step in steps if step % self.keep_every == 0)
        for step in set(steps) - kept:
            gone = self.folder / f"{_GONE}{_name(step)}"
            # Renamed first, so that no half of a step is ever taken for a step.
            with writing(gone):
                os.rename(self.folder / _name(step), gone)
            _remove(gone)

    def _tidy(self) -> None:
        """Undo or finish what a killed process had begun."""
        with writing(self.folder):
            for each in os.listdir(self.folder):
                if each.startswith(_OLD):
                    target = self.folder / each.removeprefix(_OLD)
                    if _STEP.fullmatch(target.name) and not target.exists():
                        os.rename(self.folder / each, target)
                        continue
                if each.startswith((_NEW, _OLD, _GONE)):
                    _remove(self.folder / each)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The folder itself is locked: no lock file is left behind, and the lock ends with the
        # process.
        with reading(self.folder):
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            deadline = time.monotonic() + self.wait
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise Busy(f"{self.folder}: another process has been at work for {self.wait} s")
                time.sleep(_POLL)
            yield
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _check(keep_last: int, keep_every: int | None, save: Any, load: Any, name: str) -> None:
    if keep_last < 1 or (keep_every is not None and keep_every < 1):
        raise BadInput(
            f"keep_last {keep_last}, keep_every {keep_every}: expected at least 1",
            reason="bad_rotation",
        )
    if (save is None) != (load is None):
        raise BadInput("save and load: expected both or neither", reason="bad_rotation")
    if not name or os.path.basename(name) != name or name.startswith("."):
        raise BadInput(f"name {name!r}: expected the name of a file", reason="bad_rotation")


def _save(state: Any, path: str) -> None:
    # Imported late: protecting and repairing files needs no tensors.
    from ..tensors import save

    save(state, path)


def _load(path: str) -> Any:
    from ..tensors import load

    return load(path)


def _remove(folder: Path) -> None:
    import shutil  # 20 ms that protect and verify need not spend

    shutil.rmtree(folder, ignore_errors=True)
