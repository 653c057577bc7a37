"""The sidecar file: two copies that stand damage, and hostile ones that fail closed."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from franken.serialization import safetensors
from franken.serialization.durability import (
    BadInput,
    DurabilityError,
    SidecarError,
    SidecarMismatch,
    SidecarVersion,
    open_source,
    protect,
    repair,
    verify,
)
from franken.serialization.durability import sidecar as sidecars
from franken.serialization.durability import table as tables
from franken.serialization.durability.coding import digest
from franken.serialization.durability.geometry import Geometry
from franken.serialization.durability.sidecar import MAGIC, Header, Places


@pytest.fixture
def protected(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    rng = np.random.default_rng(0)
    arrays = {f"w{i}": rng.standard_normal(5000).astype(np.float32) for i in range(6)}
    safetensors.save_file(arrays, path)
    protect(path, symbol=64)
    return path


def sidecar(path: Path) -> Path:
    return Path(f"{path}.frq")


def edit(path: Path, change: Callable[[bytearray], Any]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def places(path: Path) -> tuple[Header, Places]:
    header = sidecars.read(sidecar(path)).header
    return header, Places.of(header)


def zero(begin: int, end: int) -> Callable[[bytearray], Any]:
    return lambda data: data.__setitem__(slice(begin, end), bytes(end - begin))


def test_either_header_and_either_table_will_do(protected: Path) -> None:
    _, where = places(protected)
    whole = sidecar(protected).read_bytes()
    for begin, end in [
        (0, 20),
        (0, where.repair),
        (where.second_header, where.total),
        (where.second_table, where.total),
    ]:
        edit(sidecar(protected), zero(begin, end))
        report = verify(protected)
        assert report.status == "intact" and not report.sidecar_intact
        assert repair(protected).sidecar_rewritten
        assert sidecar(protected).read_bytes() == whole


def test_different_pages_of_both_tables_make_one(protected: Path) -> None:
    _, where = places(protected)
    pages = range(0, where.repair - where.table, tables.PAGE)
    for number, page in enumerate(pages):
        start = where.table if number % 2 else where.second_table
        edit(sidecar(protected), zero(start + page, start + page + 100))
    data = protected.read_bytes()
    edit(protected, zero(10_000, 10_300))
    report = verify(protected)
    assert report.status == "repairable" and report.damaged_tensors == ["w0"]
    assert repair(protected).sidecar_rewritten
    assert protected.read_bytes() == data and verify(protected).sidecar_intact


def test_pages_lost_in_both_copies_are_not_guessed(protected: Path) -> None:
    header, where = places(protected)
    data = protected.read_bytes()
    edit(protected, zero(10_000, 10_300))
    for page in range((where.repair - where.table) // tables.PAGE):
        saved = sidecar(protected).read_bytes()
        for start in (where.table, where.second_table):
            begin = start + page * tables.PAGE
            edit(sidecar(protected), zero(begin + 50, begin + 60))
        report = verify(protected)
        assert report.status in ("repairable", "lost"), page
        if report.status == "repairable":
            repair(protected, output=protected.with_name("out"))
            assert protected.with_name("out").read_bytes() == data
        sidecar(protected).write_bytes(saved)
    assert header.geometry.blocks == 2


def test_a_cut_sidecar_repairs_as_far_as_it_goes(protected: Path) -> None:
    _, where = places(protected)
    data = protected.read_bytes()
    middle = (where.repair + where.second_table) // 2
    edit(sidecar(protected), lambda each: each.__delitem__(slice(middle, None)))
    edit(protected, zero(500, 900))
    assert verify(protected).status == "repairable"
    repair(protected)
    assert protected.read_bytes() == data and verify(protected).sidecar_intact


@pytest.mark.parametrize("change", ["insert", "delete"])
def test_a_shifted_sidecar_still_repairs(protected: Path, change: str) -> None:
    _, where = places(protected)
    data = protected.read_bytes()
    at = where.repair + 1000
    if change == "insert":
        edit(sidecar(protected), lambda each: each.__setitem__(slice(at, at), b"?" * 333))
    else:
        edit(sidecar(protected), lambda each: each.__delitem__(slice(at, at + 333)))
    edit(protected, zero(500, 900))
    assert verify(protected).status == "repairable"
    repair(protected)
    assert protected.read_bytes() == data and verify(protected).sidecar_intact


def test_a_sidecar_without_its_front_still_repairs(protected: Path) -> None:
    data = protected.read_bytes()
    edit(sidecar(protected), lambda each: each.__delitem__(slice(0, 6000)))
    edit(protected, zero(500, 900))
    repair(protected)
    assert protected.read_bytes() == data


def forge(path: Path, change: Callable[[dict[str, Any]], Any], version: int = 2) -> None:
    """Replace the first header by one with other fields and a right digest; drop the second."""
    data = sidecar(path).read_bytes()
    length = struct.unpack_from("<8sHI", data)[2]
    fields = json.loads(data[14 : 14 + length])
    change(fields)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    framed = struct.pack("<8sHI", MAGIC, version, len(text)) + text
    rest = data[14 + length + 32 : -(14 + length + 32)]
    sidecar(path).write_bytes(framed + digest(framed) + rest)


def test_another_version_is_refused_by_number(protected: Path) -> None:
    forge(protected, lambda fields: None, version=1)
    with pytest.raises(SidecarVersion, match="version 1; this one reads version 2") as caught:
        verify(protected)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.update(symbol=0),
        lambda f: f.update(symbol=7),
        lambda f: f.update(symbol=65_536),
        lambda f: f.update(symbol=-8),
        lambda f: f.update(symbol=True),
        lambda f: f.update(blocks=0),
        lambda f: f.update(blocks=2**61),
        lambda f: f.update(blocks=1, symbol=65_528, members=[["a", 2**40, 0, "0" * 64]]),
        lambda f: f.update(repair=0),
        lambda f: f.update(repair=2**40),
        lambda f: f.update(tensors=2**60),
        lambda f: f.update(packed=2**60),
        lambda f: f.update(packed=-1),
        lambda f: f.update(redundancy="much"),
        lambda f: f.update(redundancy=float("nan")),
        lambda f: f.update(redundancy=1),
        lambda f: f.update(lost=-1),
        lambda f: f.update(table_digest="00"),
        lambda f: f.update(table_digest="0" * 64),
        lambda f: f.update(set=1),
        lambda f: f.update(members=[]),
        lambda f: f.update(members=[[]]),
        lambda f: f.update(members=f["members"] * 2),
        lambda f: f.update(members=[["a", 2**61, 0, "0" * 64]] * 3, set=True),
        lambda f: f.update(members=[["../a", 5, 0, "0" * 64]]),
        lambda f: f.update(members=[["/etc/passwd", 5, 0, "0" * 64]], set=True),
        lambda f: f.update(members=[["a/../../b", 5, 0, "0" * 64]], set=True),
        lambda f: f.update(members=[["a", 2**61, 0, "0" * 64]]),
        lambda f: f.update(members=[["a", 5, "then", "0" * 64]]),
        lambda f: f.update(surprise=1),
        lambda f: f.pop("lost"),
    ],
)
def test_hostile_headers_fail_closed(
    protected: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    forge(protected, change)
    with pytest.raises(SidecarError) as caught:
        verify(protected)
    assert type(caught.value) is SidecarError and caught.value.exit_code == 2
    with pytest.raises(SidecarError):
        repair(protected)


def test_two_headers_that_contradict_one_another(protected: Path) -> None:
    other = sidecar(protected).read_bytes()
    _, where = places(protected)
    protect(protected, symbol=64, redundancy=0.1)
    data = sidecar(protected).read_bytes()
    sidecar(protected).write_bytes(
        data[: -where.total + where.second_header] + other[where.second_header :]
    )
    with pytest.raises(SidecarError, match="contradict"):
        verify(protected)


@pytest.mark.parametrize("content", [b"", b"FRKRQ", MAGIC, bytes(5000), MAGIC * 3000, b"{}" * 9000])
def test_what_is_no_sidecar(protected: Path, content: bytes) -> None:
    sidecar(protected).write_bytes(content)
    with pytest.raises(SidecarError, match=r"m\.safetensors\.frq: neither of its headers"):
        verify(protected)


def test_the_sidecar_of_another_file(protected: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(np.random.default_rng(9).bytes(90_000))
    with pytest.raises(SidecarMismatch, match=r"no part of .*other\.bin is of the file 'm\.safe"):
        verify(other, sidecar=sidecar(protected))
    with pytest.raises(SidecarMismatch):
        repair(other, sidecar=sidecar(protected))
    with pytest.raises(BadInput, match="No such file") as caught:
        verify(other, sidecar=tmp_path / "none.frq")
    assert caught.value.reason == "missing"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_damage_to_the_sidecar_gives_the_truth_or_a_typed_error(
    protected: Path, data: st.DataObject
) -> None:
    whole = sidecar(protected).read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(whole) - 1))
        length = data.draw(st.sampled_from([1, 4, 100, 5000]))
        kind = data.draw(st.sampled_from(["zero", "ones", "cut", "insert"]))
        if kind == "cut":
            del damaged[begin : begin + length]
        elif kind == "insert":
            damaged[begin:begin] = bytes(length)
        else:
            size = len(damaged[begin : begin + length])
            damaged[begin : begin + size] = (b"\0" if kind == "zero" else b"\xff") * size
    sidecar(protected).write_bytes(damaged)
    try:
        assert verify(protected).status == "intact"
    except DurabilityError:
        pass
    finally:
        sidecar(protected).write_bytes(whole)


def packed(rows: Any) -> bytes:
    return zlib.compress(json.dumps(rows).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not zlib",
        packed(5),
        packed([[1]]),
        packed([["w", "F32", [2], 0, 2000, 0]]),
        packed([["w", "F32", [2], 5, 4, 0]]),
        packed([["w", "F32", [2], 0, 4, 1]]),
        packed([["w", "F32", [-2], 0, 4, 0]]),
        packed([["w", "F32", [2.0], 0, 4, 0]]),
        packed([[7, "F32", [2], 0, 4, 0]]),
        packed([["w", "F32", [2], 0, 4, 0]] * 2),
        packed([["w", "F32", [2], 0, 4, 0]]) + b"more",
        zlib.compress(bytes(200 << 20)),
        packed([["w", "F32", [2], 0, 4, 0]])[:-3],
        zlib.compress(b"[" * 100_000),
    ],
)
def test_hostile_lists_of_tensors(data: bytes) -> None:
    with pytest.raises(SidecarError):
        tables.unpack_tensors(data, Geometry(64, (1000,), 1, 3), 1)


@given(st.binary(max_size=20_000), st.integers(0, 5), st.integers(0, 4095))
@settings(max_examples=40, deadline=None)
def test_pages_come_back_unless_both_copies_are_damaged(data: bytes, page: int, at: int) -> None:
    pages = tables.to_pages(data)
    assert len(pages) == tables.paged_length(len(data))
    damaged = bytearray(pages)
    if damaged:
        damaged[(page * tables.PAGE + at) % len(damaged)] ^= 1
    merged, known, bad = tables.from_pages([bytes(damaged), pages], len(data))
    assert merged == data and known.all() and bad == bool(pages)
    _, known, _ = tables.from_pages([bytes(damaged)], len(data))
    assert int((~known).sum()) <= tables.PAGE


def test_every_length_is_that_of_the_file(protected: Path) -> None:
    _, where = places(protected)
    assert sidecar(protected).stat().st_size == where.total
    opened = open_source(protected)
    assert opened is not None and opened[1].damage == 0 and opened[1].bases == (0,)
