"""A proof drops what its seed says, compares with the file, and fails when anything is false."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from franken.serialization.durability import (
    BadInput,
    Damaged,
    NotProven,
    Unrepairable,
    assess,
    open_source,
    protect,
)
from franken.serialization.durability import proof as proofs
from franken.serialization.durability.proof import choose, prove, read_proof, verify_proof


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(np.random.default_rng(0).bytes(300_000))
    protect(file)
    return file


def flip(path, at: int, count: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + count] = bytes(255 - each for each in data[at : at + count])
    path.write_bytes(data)


def test_the_same_seed_gives_the_same_proof(path) -> None:
    first, second = prove(path, seed=3), prove(path, seed=3)
    assert first.dropped == second.dropped and first.recovered == second.recovered
    assert prove(path, seed=4).dropped != first.dropped


def test_the_choice_of_a_seed_never_changes(path) -> None:
    # A proof of today must be executable by every later version.
    assert proofs._mixed(3, 0).tolist() == [
        0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F,
    ]  # fmt: skip


def test_a_proof_survives_writing_and_reading(path, tmp_path) -> None:
    made = prove(path, drop=0.02, seed=9)
    made.write(tmp_path / "proof.json")
    assert read_proof(tmp_path / "proof.json") == made
    assert verify_proof(path, tmp_path / "proof.json").dropped == made.dropped


@pytest.mark.parametrize(
    "change",
    [{"recovered": ("0" * 64,)}, {"dropped": (0,)}, {"seed": 1}, {"digest": "0" * 64},
     {"bytes_compared": 1}, {"size": 5}, {"table_digest": "0" * 64}],
)  # fmt: skip
def test_a_changed_proof_does_not_hold(path, change) -> None:
    made = dataclasses.replace(prove(path, seed=0), **change)
    with pytest.raises(NotProven):
        verify_proof(path, made)


def test_a_proof_of_another_file_does_not_hold(path, tmp_path) -> None:
    other = tmp_path / "b.bin"
    other.write_bytes(np.random.default_rng(1).bytes(300_000))
    protect(other)
    with pytest.raises(NotProven, match="another digest"):
        verify_proof(other, prove(path))


def test_a_sidecar_that_decodes_to_other_bits_is_found_out(path, monkeypatch) -> None:
    honest = proofs.recover

    def lying(*args, **settings):
        for block, symbols in honest(*args, **settings):
            yield block, {number: data[::-1] for number, data in symbols.items()}

    monkeypatch.setattr(proofs, "recover", lying)
    with pytest.raises(NotProven, match="came back different"):
        prove(path)


def test_a_damaged_file_is_no_ground_for_a_proof(path) -> None:
    flip(path, 1000)
    with pytest.raises(Damaged):
        prove(path)
    flip(path, 50_000, 100_000)
    with pytest.raises(Unrepairable):
        prove(path)


def test_a_damaged_sidecar_leaves_less_to_drop(path) -> None:
    sidecar = path.with_name("a.bin.frq")
    flip(sidecar, sidecar.stat().st_size // 2, 8000)
    room = choose(assess(*open_source(path)), None, 0)
    assert 0 < len(room) < 15
    with pytest.raises(BadInput, match="the redundancy allows"):
        prove(path, drop=0.05)
    assert prove(path).bytes_compared > 0


@pytest.mark.parametrize("size", [1, 255, 256, 257, 5000])
def test_small_files_are_proven_too(tmp_path, size) -> None:
    file = tmp_path / "small"
    file.write_bytes(np.random.default_rng(size).bytes(size))
    protect(file)
    assert len(prove(file, seed=0).dropped) >= 1


def test_an_empty_file_is_proven_by_nothing(tmp_path) -> None:
    file = tmp_path / "empty"
    file.touch()
    protect(file)
    assert prove(file).dropped == ()


@pytest.mark.parametrize(("drop", "seed"), [(0.0, 0), (-1.0, 0), (1.5, 0), (0.01, -1), (0.9, 0)])
def test_settings_out_of_range_are_bad_input(path, drop, seed) -> None:
    with pytest.raises(BadInput):
        prove(path, drop=drop, seed=seed)


def test_a_set_is_proven(tmp_path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.bin").write_bytes(np.random.default_rng(i).bytes(30_000))
    protect(folder, shards=True)
    made = prove(folder, drop=0.2, seed=1)
    assert verify_proof(folder, made).recovered == made.recovered
