"""protect, verify, repair: round trips, damage within and beyond the redundancy, sets, salvage."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import durability_trials
from franken.serialization import safetensors
from franken.serialization.durability import (
    Unrepairable,
    assess,
    open_source,
    protect,
    recover,
    repair,
    verify,
)
from franken.serialization.durability.geometry import Geometry, plan


def write(path: Path, size: int, seed: int = 0) -> bytes:
    data = np.random.default_rng(seed).bytes(size)
    path.write_bytes(data)
    return data


def zero(path: Path, begin: int, length: int) -> None:
    with open(path, "r+b") as file:
        file.seek(begin)
        file.write(bytes(length))


def model(path: Path, count: int = 8, size: int = 4000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    arrays = {f"layer.{i}": rng.standard_normal(size).astype(np.float32) for i in range(count)}
    safetensors.save_file(arrays, path)
    return arrays


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 7919, 65_536, 65_537, 131_072, 200_003])
def test_intact_then_one_flip_comes_back(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    data = write(path, size)
    report = protect(path, symbol=64)
    assert report.blocks == -(size // -(64 * 1024))
    assert verify(path).status == "intact"
    if size:
        path.write_bytes(bytes([data[0] ^ 4]) + data[1:])
        assert verify(path).status == "repairable"
        assert repair(path).status == "repaired"
        assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize("extra", [1, 5000])
def test_appended_bytes_are_damage_and_go_away(tmp_path: Path, extra: int) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 30_000)
    protect(path)
    path.write_bytes(data + bytes(extra))
    report = verify(path)
    assert report.status == "repairable" and report.damaged_ranges == ()
    assert f"{30_000 + extra} bytes where 30000 were protected" in " ".join(report.notes)
    repair(path)
    assert path.read_bytes() == data


def test_an_emptied_file_is_lost_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write(path, 30_000)
    protect(path)
    path.write_bytes(b"")
    assert verify(path).exit_code == 4
    with pytest.raises(Unrepairable):
        repair(path)
    assert path.read_bytes() == b""


def test_full_redundancy_brings_back_a_file_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 30_000)
    protect(path, redundancy=1.0)
    path.unlink()
    assert verify(path).members[0].state == "missing"
    repair(path)
    assert path.read_bytes() == data


def test_damage_planned_by_the_trials_within_the_redundancy() -> None:
    _, failures = durability_trials.run(20, 10_000, beyond=False)
    assert failures == []


def test_damage_planned_by_the_trials_beyond_the_redundancy() -> None:
    _, failures = durability_trials.run(10, 10_000, beyond=True)
    assert failures == []


def test_workers_give_the_same_sidecar_and_repair(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 400_000)
    protect(path, symbol=64, workers=0)
    here = Path(f"{path}.frq").read_bytes()
    protect(path, symbol=64, workers=2)
    assert Path(f"{path}.frq").read_bytes() == here
    zero(path, 1000, 9000)
    assert repair(path, workers=2).symbols_recovered == len(range(1000 // 64, 9999 // 64 + 1))
    assert path.read_bytes() == data


def test_a_block_at_its_very_limit_is_decoded_to_know(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 64 * 300)
    repair_symbols = protect(path, symbol=64).repair
    zero(path, 0, 64 * repair_symbols)
    report = verify(path)
    assert report.blocks[0].lost == report.blocks[0].spare == repair_symbols
    if report.status == "repairable":  # all but one in two hundred
        repair(path)
        assert path.read_bytes() == data
    zero(path, 0, 64 * (repair_symbols + 1))
    assert verify(path).status == "lost"


def test_tensors_are_named_and_the_intact_ones_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    arrays = model(path)
    protect(path, symbol=256)
    before = path.read_bytes()
    start = before.index(arrays["layer.3"].tobytes())
    zero(path, start + 100, 15_000)
    damaged = path.read_bytes()
    report = verify(path)
    assert report.status == "lost" and report.damaged_tensors == ["layer.3"]
    with pytest.raises(Unrepairable, match=r"tensors lost: layer\.3") as caught:
        repair(path)
    assert caught.value.exit_code == 4 and caught.value.report.lost_tensors == ["layer.3"]
    assert path.read_bytes() == damaged
    saved = repair(path, salvage=True)
    assert saved.exit_code == 4 and saved.lost_tensors == ("layer.3",)
    assert set(saved.intact_tensors) == set(arrays) - {"layer.3"}
    output = safetensors.load_file(f"{path}.salvaged")
    for name in saved.intact_tensors:
        np.testing.assert_array_equal(output[name], arrays[name])
    assert path.read_bytes() == damaged


def test_salvage_keeps_a_whole_tensor_that_shares_a_lost_symbol(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    arrays = model(path, count=30, size=300)
    protect(path, symbol=4096)
    data = path.read_bytes()
    start = data.index(arrays["layer.10"].tobytes())
    zero(path, start, len(data) - start - 1200)
    saved = repair(path, salvage=True, output=tmp_path / "out")
    last = list(safetensors.load_file(tmp_path / "out"))[-1]
    assert last in saved.intact_tensors and "layer.10" in saved.lost_tensors


def test_inserted_and_deleted_bytes_cost_only_what_they_touch(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 300_000)
    protect(path, symbol=256)
    path.write_bytes(data[:50_001] + b"x" * 777 + data[50_001:200_003] + data[201_000:])
    report = verify(path)
    lost = sum(block.lost for block in report.blocks)
    assert report.status == "repairable" and lost <= 1 + 5
    assert {shift for _, _, shift in report.moved} == {777, 777 - 997}
    repair(path)
    assert path.read_bytes() == data


def test_a_long_insertion_in_front_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 100_000)
    protect(path)
    path.write_bytes(bytes(3_000_000) + data)
    assert sum(block.lost for block in verify(path).blocks) == 0
    repair(path)
    assert path.read_bytes() == data


def test_a_symbol_whose_crc_agrees_by_chance_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 40_000)
    protect(path, symbol=256)
    # XOR with the CRC-32 polynomial leaves every CRC as it was.
    number = int.from_bytes(data[5000:5005], "little") ^ 0x1_DB71_0641
    path.write_bytes(data[:5000] + number.to_bytes(5, "little") + data[5005:])
    report = verify(path)
    assert report.status == "repairable" and report.damaged_ranges == ((4864, 5120),)
    repair(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("beside", [False, True])
def test_a_lying_crc_does_not_spoil_the_repair_of_other_damage(
    tmp_path: Path, beside: bool
) -> None:
    """A first decoding trusts the lie; the new file's digest is wrong, and the blocks' tell."""
    path = tmp_path / "a.bin"
    data = write(path, 300_000)
    protect(path, symbol=256, redundancy=0.1)
    assert len(verify(path).blocks) == 2
    damaged = bytearray(path.read_bytes())
    # XOR with the CRC-32 polynomial leaves every CRC as it was.
    for at, value in enumerate((0x41, 0x06, 0x71, 0xDB, 0x01)):
        damaged[50 * 256 + 16 + at] ^= value
    damaged[(90 if beside else 91) * 256 + 20] ^= 1
    path.write_bytes(damaged)
    assert repair(path).status == "repaired" and path.read_bytes() == data


def test_salvage_does_not_believe_a_lying_crc(tmp_path: Path) -> None:
    """One block is lost, of the other a symbol lies and another is gone: it comes back whole."""
    path = tmp_path / "a.bin"
    data = write(path, 300_000)
    protect(path, symbol=256, redundancy=0.1)
    damaged = bytearray(data)
    for symbol in [91, *range(200, 400, 2)]:
        damaged[symbol * 256 + 20] ^= 1
    for at, value in enumerate((0x41, 0x06, 0x71, 0xDB, 0x01)):
        damaged[51 * 256 + 16 + at] ^= value
    path.write_bytes(damaged)
    out = tmp_path / "out.bin"
    assert repair(path, salvage=True, output=out).status == "salvaged"
    salvaged = out.read_bytes()
    for symbol in range(1, 300_000 // 256, 2):
        part = slice(symbol * 256, symbol * 256 + 256)
        assert salvaged[part] == data[part], symbol


def test_output_leaves_the_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 40_000)
    protect(path)
    zero(path, 0, 100)
    repair(path, output=tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_bytes() == data
    assert verify(path).status == "repairable"


def test_repair_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    path, link = tmp_path / "a.bin", tmp_path / "link.bin"
    data = write(path, 40_000)
    path.chmod(0o640)
    link.symlink_to(path)
    protect(link)
    zero(path, 0, 100)
    repair(link)
    assert link.is_symlink() and path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_renamed_file_with_its_sidecar_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write(path, 40_000)
    protect(path)
    path.rename(tmp_path / "b.bin")
    Path(f"{path}.frq").rename(tmp_path / "b.bin.frq")
    assert verify(tmp_path / "b.bin").status == "intact"


def shard_set(folder: Path) -> dict[str, bytes]:
    sizes = [30_000, 20_001, 25_000, 0, 30_000]
    names = [f"model-{number}.safetensors" for number in range(len(sizes))]
    weights = {f"w{number}": name for number, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    for number, (name, size) in enumerate(zip(names, sizes, strict=True)):
        write(folder / name, size, seed=number)
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.mark.parametrize("gone", ["model-0.safetensors", "model-4.safetensors"])
def test_a_set_survives_the_loss_of_a_whole_file_and_more(tmp_path: Path, gone: str) -> None:
    contents = shard_set(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    protect(index, shards=True, symbol=256)
    assert verify(index).status == "intact"
    (tmp_path / gone).unlink()
    zero(tmp_path / "model-2.safetensors", 500, 2000)
    report = verify(index)
    assert report.status == verify(tmp_path / "model-1.safetensors").status == "repairable"
    assert {each.name: each.state for each in report.members}[gone] == "missing"
    assert {Path(each).name for each in repair(index).written} == {gone, "model-2.safetensors"}
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents


def test_a_set_may_lose_as_many_files_as_asked(tmp_path: Path) -> None:
    contents = shard_set(tmp_path)
    protect(tmp_path, shards=True, lost=2)
    for name in ("model-0.safetensors", "model-4.safetensors"):
        (tmp_path / name).unlink()
    repair(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents
    for name in ("model-0.safetensors", "model-2.safetensors", "model-4.safetensors"):
        (tmp_path / name).unlink()
    assert verify(tmp_path).status == "lost"


def test_a_moved_folder_keeps_its_sidecar(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    shard_set(tmp_path / "old")
    protect(tmp_path / "old", shards=True)
    shutil.move(tmp_path / "old", tmp_path / "new")
    assert verify(tmp_path / "new").status == "intact"


def test_a_set_can_be_written_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    contents = shard_set(folder)
    protect(folder, shards=True)
    (folder / "model-1.safetensors").unlink()
    repair(folder, output=tmp_path / "out")
    assert {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()} == contents
    assert not (folder / "model-1.safetensors").exists()


def test_dropped_symbols_are_rebuilt_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    data = write(path, 200_000)
    protect(path, symbol=64)
    opened = open_source(path)
    assert opened is not None
    result = assess(*opened)
    drop = random.Random(0).sample(range(result.geometry.symbols), 40)
    rebuilt = {}
    blocks = sorted({symbol % result.geometry.blocks for symbol in drop})
    for _, symbols in recover(result, blocks, drop=drop):
        rebuilt.update(symbols or {})
    assert set(rebuilt) == set(drop)
    for symbol, content in rebuilt.items():
        assert content == data[symbol * 64 : symbol * 64 + 64].ljust(64, b"\0")


def test_cells_show_the_worst_of_their_symbols(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write(path, 100_000)
    protect(path, symbol=256)
    zero(path, 50_000, 10)
    cells = verify(path).cells(40)
    assert len(cells) == 40 and cells.count(2) == 1 and cells[20] == 2
    assert json.loads(verify(path).to_json())["exit_code"] == 1


def test_geometry_deals_a_burst_out_evenly() -> None:
    geometry = plan((100 << 20,), 0.05)
    assert geometry.symbol == 8192 and geometry.count(0) <= 1024
    burst = geometry.touching(0, 1_000_000, 1_000_000 + (5 << 20))
    worst = max(len([s for s in burst if s % geometry.blocks == b]) for b in range(3))
    assert worst <= geometry.repair - 2
    assert Geometry(64, (64, 1), 1, 3).place(1) == (1, 0, 1)
