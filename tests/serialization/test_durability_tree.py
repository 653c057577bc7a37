"""Digests as trees over symbols: as the documentation defines them, however a file is fed."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import durability_fuzz, durability_grid
from franken.serialization.durability import protect, repair
from franken.serialization.durability.geometry import plan
from franken.serialization.durability.scan import scan
from franken.serialization.durability.source import state_of
from franken.serialization.durability.staging import Staged
from franken.serialization.durability.table import Tensor
from franken.serialization.durability.tree import Ranges, block_digests, file_digest

T = 64


def h(person: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32, person=person).digest()


def leaves_of(data: bytes) -> list[bytes]:
    return [h(b"frq symbol", data[at : at + T].ljust(T, b"\0")) for at in range(0, len(data), T)]


def tensor_digest(data: bytes, begin: int, end: int) -> bytes:
    first, last = -(-begin // T), end // T
    if first >= last:
        return h(b"frq tensor", data[begin:end])
    middle = b"".join(leaves_of(data)[first:last])
    return h(b"frq tensor", data[begin : first * T] + middle + data[last * T : end])


def grid(leaves: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(leaves), np.uint8).reshape(-1, 32)


@given(st.integers(0, 1000), st.integers(1, 5), st.data())
@settings(max_examples=60, deadline=None)
def test_ranges_are_as_defined_however_the_file_is_fed(
    size: int, chunk: int, data: st.DataObject
) -> None:
    content = np.random.default_rng(size).bytes(size)
    ends = st.tuples(st.integers(0, size), st.integers(0, size)).map(sorted)
    tensors = [Tensor("w", "U8", (), b, e) for b, e in data.draw(st.lists(ends, max_size=6))]
    ranges = Ranges(tensors, T, size)
    leaves, step = leaves_of(content), chunk * T
    for at in range(0, size, step):
        here = grid(leaves[at // T : at // T + chunk])
        ranges.feed(at, memoryview(content)[at : at + step], here)
    ranges.finish()
    for tensor in tensors:
        expected = tensor_digest(content, tensor.begin, tensor.end)
        assert ranges.digests[tensor.begin, tensor.end] == expected


@pytest.mark.parametrize("size", [0, 1, T, 1000, 3_000_001])
def test_a_scan_takes_the_digests_that_are_defined(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    content = np.random.default_rng(0).bytes(size)
    path.write_bytes(content)
    geometry = plan((size,), 0.05, symbol=T)
    tensors = [Tensor("w", "U8", (), size // 3, size)]
    found = scan([str(path)], geometry, [state_of(path)], tensors)
    leaves = leaves_of(content)
    expected = h(b"frq file", struct.pack("<QQ", size, T) + b"".join(leaves))
    assert found.digests == [expected] == [file_digest(size, T, found.leaves)]
    assert found.tensor_digests[0].tobytes() == tensor_digest(content, size // 3, size)
    for block, digest in enumerate(block_digests(geometry, found.leaves)):
        here = b"".join(leaves[block :: geometry.blocks])
        assert digest.tobytes() == h(b"frq block", here)


def test_a_repair_without_help_of_the_system_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that cannot copy between files: the bytes are read and written."""
    path = tmp_path / "a.bin"
    content = np.random.default_rng(0).bytes(300_000)
    path.write_bytes(content)
    protect(path)
    path.write_bytes(content[:100_000] + b"insertion" + content[100_000:])
    asked = []
    monkeypatch.setattr(Staged, "clone", lambda *arguments: asked.append(arguments) or 0)
    assert repair(path).status == "repaired" and path.read_bytes() == content and asked


def test_without_an_engine_the_fuzzer_is_not_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durability_fuzz, "ENGINES", ("hypothesis", "no_such_engine"))
    out = tmp_path / "fuzz.json"
    result = CliRunner().invoke(
        durability_fuzz.main, ["--cases", "20", "--target", "sidecar-table", "--out", str(out)]
    )
    report = json.loads(out.read_text())
    assert result.exit_code == 3 and report["cases"] == {"hypothesis": 20}
    assert report["only_typed_errors"] == "NOT PROVEN: no_such_engine not installed"


def test_a_reader_that_fails_otherwise_is_a_fault(tmp_path: Path) -> None:
    def target(data: bytes) -> str:
        if data != b"sound seed":
            raise KeyError("untyped")
        return "read"

    tally = durability_fuzz.Tally(target, 50, tmp_path / "tally.json")
    with pytest.raises(KeyError):
        durability_fuzz.by_hypothesis(tally, [b"sound seed"], str(tmp_path))
    assert not (tmp_path / "tally.json").exists()


def test_the_grid_rates_a_gib_as_the_page_does() -> None:
    row = durability_grid.row(1024, 8192, 1.0, 1.0)
    assert f"{row['a_gib_fails_at_2_percent']:.1e}" == "1.1e-07"
