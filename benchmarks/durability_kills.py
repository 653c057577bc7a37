"""`python -m benchmarks.durability_kills`: kill protect, repair and rotation at random instants.

Each trial starts a process, kills it (SIGKILL) after a random part of the time that the work takes,
and checks that no good file was lost and that the work can be taken up again. Ends with exit code 1
at the first loss.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from franken.serialization.durability import protect, repair, verify
from franken.serialization.durability.rotation import Checkpoints

OUT = Path("artifacts/perf/durability_kills.json")
SIZE = 3_000_001


class Lost(RuntimeError):
    """A good file was lost, or the work could not be taken up again."""


@click.command()
@click.option("--kills", default=200, show_default=True, help="Over all kinds.")
@click.option("--seed", default=0, show_default=True)
@click.option("--serve", is_flag=True, hidden=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(kills: int, seed: int, serve: bool, out: Path) -> None:
    """Kill, check, and count at what stage the kills came."""
    if serve:
        fork_on_request()
        return
    outcomes = run(kills, seed)
    report = {"schema": "franken.durability_kills/1", "kills": kills, "seed": seed,
              "outcomes": outcomes}  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    for kind, counts in outcomes.items():
        click.echo(f"{kind:9} " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    click.echo(f"{kills} kills, nothing was lost")


def run(kills: int, seed: int) -> dict[str, dict[str, int]]:
    """Make so many kills in turn; returns how often each state was met. Lost if one fails."""
    chance = random.Random(seed)
    outcomes = {kind: Counter[str]() for kind in TRIALS}
    with tempfile.TemporaryDirectory() as folder, Killer() as killer:
        base = Path(folder, "base.bin")
        base.write_bytes(chance.randbytes(SIZE))
        protect(base)
        kinds = list(TRIALS)
        # The first trial of each kind is not killed: it shows how long the work takes.
        for number in range(-len(kinds), kills):
            kind = kinds[number % len(kinds)]
            share = chance.random() if number >= 0 else None
            with tempfile.TemporaryDirectory(dir=folder) as each:
                outcome = TRIALS[kind](Path(each), chance, killer, share)
            if number >= 0:
                outcomes[kind][outcome] += 1
    return {kind: dict(counts) for kind, counts in outcomes.items()}


class Killer:
    """A process that forks workers on request, so that each starts in a millisecond.

    It does no work itself and has no threads, hence forking it is safe.
    """

    def __init__(self) -> None:
        self._spans: dict[str, float] = {}

    def __enter__(self) -> Killer:
        paths = os.pathsep.join([os.getcwd(), *filter(None, sys.path)])
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.durability_kills", "--serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def run(self, kind: str, target: Path, share: float | None) -> list[int]:
        """Start work on ``target``, kill it after a share of its time, return what it reported."""
        server, printed = self._server, target.with_name("printed")
        assert server.stdout is not None
        printed.touch()
        self._ask([kind, str(target), str(printed)])
        pid = int(server.stdout.readline())
        started = time.perf_counter()
        if share is not None:
            time.sleep(share * self._spans[kind.partition("-")[0]])
            # It may have ended; it is not collected yet, so the number is still its own.
            os.kill(pid, signal.SIGKILL)
        self._ask("collect")
        code = int(server.stdout.readline())
        if share is None:
            self._spans[kind] = time.perf_counter() - started
        if code not in (0, -signal.SIGKILL):
            raise Lost(f"{kind} ended with {code}: {printed.read_text()}")
        return [int(line) for line in printed.read_text().split()]

    def _ask(self, request: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()


def fork_on_request() -> None:
    """Fork a worker for each request on standard input; print its number.

    Once asked to collect it, print how it ended.
    """
    for line in sys.stdin:
        kind, target, printed = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _work_and_exit(kind, target, printed)
        print(pid, flush=True)
        sys.stdin.readline()
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _work_and_exit(kind: str, target: str, printed: str) -> None:
    code = 1
    try:
        output = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work(kind, target)
        code = 0
    finally:
        sys.stdout.flush()
        # The parent's buffers are copied into this process, and must not be written twice.
        os._exit(code)


def work(kind: str, target: str) -> None:
    """Do, in the process that will be killed, one kind of work."""
    if kind == "protect":
        protect(target, redundancy=0.08)
    elif kind == "protect-workers":
        protect(target, redundancy=0.08, workers=1)
    elif kind == "repair":
        repair(target)
    elif kind == "rotation":
        checkpoints = Checkpoints(target, keep_last=2, keep_every=5)
        for step in range(1, 9):
            checkpoints.save(step, _state(step))
            print(step, flush=True)


def _protect(folder: Path, chance: random.Random, killer: Killer, share: float | None) -> str:
    base = folder.parent / "base.bin"
    path = folder / "a.bin"
    data = base.read_bytes()
    path.write_bytes(data)
    had = chance.random() < 0.5
    if had:
        protect(path)
    old = _read(folder / "a.bin.frq")
    kind = "protect-workers" if share is not None and chance.random() < 0.5 else "protect"
    killer.run(kind, path, share)
    _require(path.read_bytes() == data, "protect changed its file")
    new = _read(folder / "a.bin.frq")
    if new is not None:
        _require(verify(path).status == "intact", "protect left a sidecar that is not whole")
    _require(not had or new is not None, "protect lost the old sidecar")
    left = _left(folder)
    protect(path)
    _require(verify(path).status == "intact" and not _left(folder), "protect was not taken up")
    return ("replaced" if new != old else "as before") + (", left a temporary file" * bool(left))


def _repair(folder: Path, chance: random.Random, killer: Killer, share: float | None) -> str:
    path = folder / "base.bin"
    good = (folder.parent / "base.bin").read_bytes()
    (folder / "base.bin.frq").write_bytes((folder.parent / "base.bin.frq").read_bytes())
    damaged = bytearray(good)
    begin = chance.randrange(SIZE - 60_000)
    damaged[begin : begin + 40_000] = bytes(40_000)
    if chance.random() < 0.5:
        del damaged[begin + 50_000 : begin + 53_000]
    path.write_bytes(damaged)
    killer.run("repair", path, share)
    now = path.read_bytes()
    _require(now in (good, bytes(damaged)), "repair left a file that is neither old nor new")
    left = _left(folder)
    repair(path)
    _require(path.read_bytes() == good and not _left(folder), "repair was not taken up")
    return ("repaired" if now == good else "as before") + (", left a temporary file" * bool(left))


def _rotation(folder: Path, chance: random.Random, killer: Killer, share: float | None) -> str:
    runs = folder / "runs"
    Checkpoints(runs, keep_last=2, keep_every=5).save(0, _state(0))
    saved = max([0, *killer.run("rotation", runs, share)])
    left = _left(runs)
    checkpoints = Checkpoints(runs, keep_last=2, keep_every=5)
    found = checkpoints.load()
    # The last one may have been finished, and not yet been reported.
    _require(found.step in (saved, saved + 1), f"step {found.step} after {saved} was saved")
    _require(not found.skipped and _same(found.state, _state(found.step)), "another state")
    _require(not _left(runs), "what the killed process left was not cleared")
    checkpoints.save(found.step + 1, _state(found.step + 1))
    steps = checkpoints.steps()
    _require(steps[-2:] == [found.step, found.step + 1], f"rotation kept {steps}")
    _require(all(verify(checkpoints.path(step)).status == "intact" for step in steps), "damaged")
    return f"{'during a step' if left else 'between steps'}"


Trial = Callable[[Path, random.Random, Killer, float | None], str]
TRIALS: dict[str, Trial] = {"protect": _protect, "repair": _repair, "rotation": _rotation}


def _state(step: int) -> dict[str, object]:
    return {"step": step, "weights": np.full((64, 1000), step, np.float32)}


def _same(a: dict[str, object], b: dict[str, object]) -> bool:
    return a["step"] == b["step"] and np.array_equal(a["weights"], b["weights"])  # type: ignore[arg-type]


def _left(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if each.name.startswith(".")]


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _require(good: bool, complaint: str) -> None:
    if not good:
        raise Lost(complaint)


if __name__ == "__main__":
    main()
