"""Bad input and bad luck: each ends in its typed error, and nothing is lost or left behind."""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from franken.serialization import safetensors
from franken.serialization.durability import (
    BadInput,
    Busy,
    FileChanged,
    NotProven,
    WriteFailed,
    protect,
    repair,
    staging,
    verify,
)
from franken.serialization.durability.pool import Pool


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[Path, bytes]:
    path = tmp_path / "a.bin"
    data = np.random.default_rng(0).bytes(60_000)
    path.write_bytes(data)
    protect(path)
    path.write_bytes(data[:700] + b"???" + data[703:])
    return path, data


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.mark.parametrize("verb", [protect, verify])
def test_paths_that_are_no_files(tmp_path: Path, verb: Any) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, reason in [
        ("none", "missing"),
        ("loop", "symlink_loop"),
        ("pipe", "not_a_file"),
        ("folder", "directory"),
        ("n" * 300, "missing"),
    ]:
        with pytest.raises(BadInput) as caught:
            verb(tmp_path / name)
        assert (caught.value.reason, caught.value.exit_code) == (reason, 2), name


def test_repair_needs_a_sidecar(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(NotProven, match="no sidecar") as caught:
        repair(tmp_path / "a")
    assert caught.value.exit_code == 3


def test_without_a_sidecar_nothing_is_proven(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    values = np.ones(10, np.float32)
    safetensors.save_file({"w": values, "i": np.arange(3)}, path)
    report = verify(path)
    assert (report.status, report.exit_code, report.sidecar) == ("not proven", 3, None)
    assert len(report.tensors) == 2 and len(report.notes) == 1
    values[[2, 3]] = np.nan, np.inf
    safetensors.save_file({"w": values}, path)
    assert "w: 2 elements are NaN or infinite" in verify(path).notes
    path.write_bytes(path.read_bytes()[:-1])
    report = verify(path)
    assert report.exit_code == 4 and "structure is broken" in report.notes[0]


@pytest.mark.parametrize("redundancy", [0, -1, 2.5, float("nan")])
def test_redundancy_is_a_share(tmp_path: Path, redundancy: float) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(BadInput, match="redundancy"):
        protect(tmp_path / "a", redundancy=redundancy)


def test_several_files_are_a_set_or_nothing(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"abc")
    with pytest.raises(BadInput, match="shards=True"):
        protect([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(BadInput, match="lost 3"):
        protect([tmp_path / "a", tmp_path / "b"], shards=True, lost=3)
    (tmp_path / "x.index.json").write_text('{"weight_map": {"w": "../a"}}')
    with pytest.raises(BadInput, match="leaves the folder"):
        protect(tmp_path / "x.index.json", shards=True)


def test_a_broken_file_is_protected_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    safetensors.save_file({"w": np.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:-8])
    report = protect(path)
    assert report.format == "plain" and "protected as plain bytes" in report.notes[0]


def test_two_readings_that_differ_are_no_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "a.bin", tmp_path / "other.bin"
    path.write_bytes(bytes(60_000))
    other.write_bytes(bytes(59_999) + b"x")
    module = importlib.import_module("franken.serialization.durability.protect")
    real = module.scan
    # As if the file had been another one for the time of one reading, size and times unchanged.
    monkeypatch.setattr(module, "scan", lambda paths, *rest, **more: real([other], *rest, **more))
    with pytest.raises(FileChanged):
        protect(path, workers=0)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.bin", "other.bin"]


@pytest.mark.parametrize("content", [b"x" * 60_000, bytes(10), b""])
def test_a_file_that_changes_while_it_is_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(60_000))
    os.utime(path, ns=(0, 0))
    module = importlib.import_module("franken.serialization.durability.protect")
    real = module.encode_jobs

    def meddle(*args: Any) -> Any:
        path.write_bytes(content)
        return real(*args)

    monkeypatch.setattr(module, "encode_jobs", meddle)
    with pytest.raises(FileChanged):
        protect(path, workers=0)
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_a_file_that_changes_while_it_is_verified(
    damaged: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = damaged
    module = importlib.import_module("franken.serialization.durability.assess")
    real = module.scan

    def meddle(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        path.write_bytes(data[:-5])
        return result

    monkeypatch.setattr(module, "scan", meddle)
    for verb in (verify, repair):
        with pytest.raises(FileChanged, match=r"a\.bin: it changed while it was read"):
            verb(path)
    assert path.read_bytes() == data[:-5]


@pytest.mark.parametrize("salvage", [False, True])
@pytest.mark.parametrize("late", [b"", b"more"])
def test_a_file_that_changes_while_it_is_repaired_is_left_alone(
    damaged: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch, late: bytes, salvage: bool
) -> None:
    path, data = damaged
    changed = data[: 10_000 if salvage else 59_000] + late
    if salvage:  # more than can be repaired
        path.write_bytes(data[:100] + bytes(50_000) + data[50_100:])
    module = importlib.import_module("franken.serialization.durability.repair")
    real = module._Repair._fill

    def meddle(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = real(self, *args, **kwargs)
        path.write_bytes(changed)
        return result

    monkeypatch.setattr(module._Repair, "_fill", meddle)
    before = set(files(path.parent))
    with pytest.raises(FileChanged, match=r"a\.bin: it changed while it was read"):
        repair(path, salvage=salvage)
    assert path.read_bytes() == changed
    assert set(files(path.parent)) == before


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite", "fsync", "replace"])
def test_a_full_disk_leaves_everything_as_it_was(
    damaged: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path, _ = damaged
    before = files(path.parent)
    monkeypatch.setattr(staging.os, call, full)
    for verb in (protect, repair):
        with pytest.raises(WriteFailed, match="No space left on device") as caught:
            verb(path)
        assert (caught.value.reason, caught.value.exit_code) == ("no_space", 2)
    monkeypatch.undo()
    assert files(path.parent) == before


def test_a_really_full_disk(tmp_path: Path) -> None:
    # /dev/full cannot be preallocated: any size limit on files says the same without a mount.
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(300_000))
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "from franken.serialization.durability import protect, WriteFailed\n"
        "try:\n    protect(sys.argv[1])\n"
        "except WriteFailed as error:\n    sys.exit(f'{error.reason}')\n"
    )
    done = run("-c", script, path)
    assert (done.returncode, done.stderr.strip()) == (1, "no_space")
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def refused(*_: Any, **__: Any) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_read_only_folder(damaged: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = damaged
    before = files(path.parent)
    real = os.open

    def guarded(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            refused()
        return real(name, flags, *rest, **more)

    monkeypatch.setattr(staging.os, "open", guarded)
    for verb in (protect, repair):
        with pytest.raises(WriteFailed) as caught:
            verb(path)
        assert caught.value.reason == "read_only"
    assert files(path.parent) == before


def test_two_at_once(damaged: tuple[Path, bytes]) -> None:
    path, data = damaged
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for verb in (protect, repair):
            with pytest.raises(Busy, match="another process") as caught:
                verb(path)
            assert caught.value.reason == "busy"
        assert verify(path).status == "repairable"
    finally:
        os.close(descriptor)
    repair(path)
    assert path.read_bytes() == data


def test_salvage_never_writes_over_the_file(damaged: tuple[Path, bytes]) -> None:
    path, data = damaged
    content = bytes(50_000) + data[50_000:]
    path.write_bytes(content)
    with pytest.raises(BadInput, match="never writes over"):
        repair(path, salvage=True, output=path)
    assert path.read_bytes() == content


def test_what_a_killed_process_left_is_cleared(damaged: tuple[Path, bytes]) -> None:
    path, data = damaged
    staged = staging.Staged(path, 1000)
    other = staging.Staged(path.with_name("b.bin"), 1000)
    os.close(staged.descriptor)
    os.close(other.descriptor)
    repair(path)
    assert path.read_bytes() == data
    hidden = [each.name for each in path.parent.iterdir() if each.name.startswith(".")]
    assert hidden == [Path(other.path).name]


def test_a_worker_that_dies_is_an_error(damaged: tuple[Path, bytes]) -> None:
    path, _ = damaged
    with Pool([str(path)], 64, 1) as pool:
        answers = pool.run([({"op": "encode"}, b"")] * 2)
        with pytest.raises(RuntimeError, match="a worker process ended with code 1"):
            next(answers)
    with Pool(["/nowhere"], 64, 2) as pool:
        job = {"op": "encode", "block": 0, "counts": [1], "repair": 3}
        place = np.array([0, 0, 64], np.int64).tobytes()
        with pytest.raises(BadInput, match="/nowhere: No such file"):
            list(pool.run([(job, place)]))


def test_workers_need_no_guard_in_the_main_program(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 1000)
    script = tmp_path / "script.py"
    script.write_text(
        "from franken.serialization.durability import protect, verify\n"
        f"protect({str(tmp_path / 'a.bin')!r}, workers=2)\n"
        f"print(verify({str(tmp_path / 'a.bin')!r}, workers=2).status)\n"
    )
    done = run(script)
    assert (done.stdout, done.stderr) == ("intact\n", "")


def test_interrupting_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(200_000))

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt  # where the signal of a key would arrive, whatever the load

    with pytest.raises(KeyboardInterrupt):
        protect(path, progress=interrupt, workers=0)
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]
