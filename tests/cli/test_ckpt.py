"""`franken ckpt`: every verb does what its help says, with its exit codes, on real files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from franken.cli import main
from franken.cli.ckpt import VERBS
from franken.cli.ckpt_show import picture_lines
from franken.serialization import safetensors

ROOT = os.geteuid() == 0


def ckpt(*args: object):
    return CliRunner().invoke(main, ["ckpt", *map(str, args)])


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    random = np.random.default_rng(0)
    arrays = {f"layer.{i}": random.standard_normal((64, 64), np.float32) for i in range(8)}
    safetensors.save_file(arrays, path)
    return path


def change(path: Path, begin: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(begin)
        file.write(data)


@pytest.mark.parametrize("verb", [*VERBS, ""])
def test_help_has_examples_and_exit_codes(verb) -> None:
    result = ckpt(*([verb] if verb else []), "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output and "Exit codes:" in result.output


def test_protect_damage_verify_repair(model) -> None:
    good = model.read_bytes()
    assert ckpt("protect", model).exit_code == 0
    assert ckpt("verify", model).exit_code == 0
    change(model, 40_000, b"damage")
    found = ckpt("verify", model)
    assert found.exit_code == 1
    assert "REPAIRABLE" in found.output and "layer.2" in found.output
    assert "damaged, repairable 1 " in found.output and "layer.7" not in found.output
    assert ckpt("repair", model).exit_code == 0
    assert model.read_bytes() == good
    assert "nothing" not in ckpt("repair", model).output


def test_json_of_verify_names_the_damaged_tensors(model) -> None:
    ckpt("protect", model)
    change(model, 40_000, b"damage")
    result = ckpt("verify", "--json", model)
    report = json.loads(result.output)
    assert result.exit_code == report["exit_code"] == 1
    assert report["damaged_tensors"] == ["layer.2"] and report["status"] == "repairable"


def test_too_much_damage_is_4_and_salvage_keeps_the_rest(model) -> None:
    ckpt("protect", model)
    change(model, 60_000, bytes(40_000))
    damaged = model.read_bytes()
    lost = ckpt("repair", model)
    assert lost.exit_code == 4 and "LOST" in lost.output
    assert model.read_bytes() == damaged
    saved = ckpt("repair", "--salvage", "--json", model)
    assert saved.exit_code == 4
    report = json.loads(saved.output)
    assert "layer.0" in report["intact_tensors"] and "layer.4" in report["lost_tensors"]
    assert len(Path(str(model) + ".salvaged").read_bytes()) == len(damaged)


def test_no_sidecar_is_not_proven(model) -> None:
    assert ckpt("verify", model).exit_code == 3
    assert ckpt("prove", model).exit_code == 3
    assert ckpt("repair", model).exit_code == 3


def test_a_set_survives_the_loss_of_a_file(tmp_path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.bin").write_bytes(np.random.default_rng(i).bytes(20_000))
    good = (folder / "1.bin").read_bytes()
    assert ckpt("protect", "--shards", "--lost", "1", folder).exit_code == 0
    (folder / "1.bin").unlink()
    found = ckpt("verify", folder)
    assert found.exit_code == 1 and "missing" in found.output
    assert ckpt("repair", folder).exit_code == 0
    assert (folder / "1.bin").read_bytes() == good


def test_a_proof_is_executed_again_and_a_false_one_fails(model, tmp_path) -> None:
    proof = tmp_path / "proof.json"
    ckpt("protect", model)
    assert ckpt("prove", model, "--seed", 5, "--output", proof).exit_code == 0
    assert "PROOF HOLDS" in ckpt("verify", "--proof", proof, model).output
    values = json.loads(proof.read_text())
    for name, value in (("recovered", ["0" * 64]), ("dropped", [1, 2]), ("seed", 6)):
        proof.write_text(json.dumps({**values, name: value}))
        result = ckpt("verify", "--proof", proof, model)
        assert result.exit_code == 3, name
    for text in ("{}", "[]", "no JSON", json.dumps({**values, "version": 2})):
        proof.write_text(text)
        assert ckpt("verify", "--proof", proof, model).exit_code == 2


def test_prove_refuses_more_than_the_redundancy(model) -> None:
    ckpt("protect", model, "--redundancy", "2%")
    result = ckpt("prove", model, "--drop", "10%")
    assert result.exit_code == 2 and "bad_drop" in result.output


@pytest.mark.parametrize("name", ["other.pt", "other.npz", "other/"])
def test_convert_and_back_is_the_same(model, tmp_path, name) -> None:
    other, back = f"{tmp_path}/{name}", tmp_path / "back.safetensors"
    assert ckpt("convert", model, other).exit_code == 0
    assert ckpt("diff", model, other).exit_code == 0
    assert ckpt("convert", other, back).exit_code == 0
    assert ckpt("diff", model, back).exit_code == 0
    assert ckpt("convert", model, other).exit_code == 2  # it exists
    assert ckpt("convert", "--force", model, model).exit_code == 2  # itself


def test_numpy_loads_the_npy_files_that_convert_writes(tmp_path) -> None:
    arrays = {
        "w": np.arange(6.0, dtype=np.float32).reshape(2, 3), "W": np.int8(3), "a/../b": np.ones(2),
        "empty": np.zeros((0, 4)), "tensor-1": np.array([np.nan, -0.0]), ".hidden": np.ones(1),
    }  # fmt: skip
    safetensors.save_file(arrays, tmp_path / "a.safetensors")
    result = ckpt("convert", tmp_path / "a.safetensors", tmp_path / "folder", "--to", "npy")
    assert result.exit_code == 0, result.output
    index = json.loads((tmp_path / "folder" / "npy.index.json").read_text())
    assert sorted(index["weight_map"]) == sorted(arrays)
    files = set(index["weight_map"].values())
    assert files | {"npy.index.json"} == {each.name for each in (tmp_path / "folder").iterdir()}
    assert len({each.casefold() for each in files}) == len(arrays)
    for name, file in index["weight_map"].items():
        loaded = np.load(tmp_path / "folder" / file)
        assert loaded.tobytes() == np.asarray(arrays[name]).tobytes(), name
        assert loaded.shape == np.shape(arrays[name])
    assert ckpt("diff", tmp_path / "a.safetensors", tmp_path / "folder").exit_code == 0
    again = ckpt("convert", "--force", tmp_path / "a.safetensors", f"{tmp_path}/folder/")
    assert again.exit_code == 2 and "never replaced" in again.output


def test_a_single_npy_holds_a_single_tensor(model, tmp_path) -> None:
    array = np.arange(5, dtype=np.int16)
    safetensors.save_file({"only": array}, tmp_path / "one.safetensors")
    assert ckpt("convert", tmp_path / "one.safetensors", tmp_path / "one.npy").exit_code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), array)
    assert ckpt("convert", tmp_path / "one.npy", tmp_path / "back.safetensors").exit_code == 0
    assert safetensors.load_file(tmp_path / "back.safetensors")["array"].tobytes() == (
        array.tobytes()
    )
    result = ckpt("convert", model, tmp_path / "many.npy")
    assert result.exit_code == 2 and "name a folder" in result.output
    assert not (tmp_path / "many.npy").exists()


def test_npy_without_a_dtype_needs_widening_and_leaves_nothing(tmp_path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.arange(4).astype(ml_dtypes.bfloat16)
    safetensors.save_file({"a": np.ones(2), "b": values}, tmp_path / "a.safetensors")
    assert ckpt("convert", tmp_path / "a.safetensors", f"{tmp_path}/out/").exit_code == 2
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]
    assert ckpt("convert", "--widen", tmp_path / "a.safetensors", f"{tmp_path}/out/").exit_code == 0
    assert np.load(tmp_path / "out" / "b.npy").dtype == np.float32


def test_torch_loads_what_convert_writes(model, tmp_path) -> None:
    torch = pytest.importorskip("torch")
    ckpt("convert", model, tmp_path / "a.pt")
    loaded = torch.load(tmp_path / "a.pt", weights_only=True)
    expected = safetensors.load_file(model)
    assert loaded.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(loaded[name].numpy(), array)


def test_diff_names_what_changed(model, tmp_path) -> None:
    other = tmp_path / "other.safetensors"
    arrays = {k: v.copy() for k, v in safetensors.load_file(model).items()}
    arrays["layer.3"][5, 5] += 2
    arrays["layer.9"] = arrays.pop("layer.1")
    arrays["layer.4"] = arrays["layer.4"].astype(np.float64)
    safetensors.save_file(arrays, other)
    result = ckpt("diff", "--json", model, other)
    assert result.exit_code == 1
    rows = {row["name"]: row for row in json.loads(result.output)["different"]}
    assert {name: row["change"] for name, row in rows.items()} == {
        "layer.1": "removed", "layer.3": "changed", "layer.4": "changed", "layer.9": "added",
    }  # fmt: skip
    assert rows["layer.3"]["elements"] == 1
    assert rows["layer.3"]["largest"] == pytest.approx(2)


def test_inspect_lists_tensors_and_sidecar(model) -> None:
    ckpt("protect", model)
    report = json.loads(ckpt("inspect", "--json", model).output)
    assert [t["name"] for t in report["tensors"]] == [f"layer.{i}" for i in range(8)]
    assert report["sidecar"]["redundancy"] == 0.05 and report["format"] == "safetensors"


@pytest.mark.parametrize("verb", ["protect", "verify", "repair", "inspect", "prove"])
def test_a_missing_file_is_bad_input(tmp_path, verb) -> None:
    result = ckpt(verb, tmp_path / "nowhere")
    assert result.exit_code in (2, 3) and result.output.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [("protect", "--redundancy", "x"), ("protect", "--redundancy", "0"), ("prove", "--drop", "-1")],
)
def test_a_share_that_is_none_is_bad_input(model, args) -> None:
    assert ckpt(*args, model).exit_code == 2


def test_an_error_in_json_has_a_reason(tmp_path) -> None:
    result = ckpt("verify", "--json", tmp_path / "nowhere")
    assert json.loads(result.output)["reason"] == "missing"


def test_the_log_has_one_json_object_an_event(model, tmp_path) -> None:
    pytest.importorskip("structlog")
    log = tmp_path / "log"
    ckpt("protect", "--log", log, model)
    ckpt("verify", "--log", log, tmp_path / "nowhere")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [e["event"] for e in events] == [
        "protect.begin", "protect.end", "verify.begin", "verify.failed",
    ]  # fmt: skip
    assert events[1]["size"] == model.stat().st_size and events[3]["exit_code"] == 2


def test_the_picture_keeps_to_its_width() -> None:
    cells = [0, 0, 2, 3, 1, 0, 0]
    lines = picture_lines(cells, 3, plain=True)
    texts = ["".join(text for text, _ in runs) for runs in lines]
    assert texts == ["##r", "X>#", "#"]


def test_a_name_like_markup_is_shown_as_it_is(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    safetensors.save_file({"[bold]x[/nope]": np.ones(3, np.float32)}, path)
    assert "[bold]x[/nope]" in ckpt("inspect", path).output


def test_a_name_cannot_steer_the_terminal(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    safetensors.save_file({"x\x1b[2Jy": np.ones(3, np.float32)}, path, {"k": "\x1b]0;title\x07"})
    output = ckpt("inspect", path).output
    assert "\x1b" not in output and "\x07" not in output and "\\x1b[2Jy" in output


def _in_state(folder: Path, state: str) -> Path:
    """A file that `verify` finds in this state."""
    path = folder / f"{state}.safetensors"
    arrays = {"w": np.arange(40_000, dtype=np.float32)}
    safetensors.save_file(arrays, path)
    if state != "unproven":
        assert ckpt("protect", path).exit_code == 0
    if state == "repairable":
        change(path, 40_000, b"damage")
    elif state == "lost":
        change(path, 40_000, bytes(range(1, 201)) * 500)
    return path


STATES = {"intact": 0, "repairable": 1, "unproven": 3, "lost": 4}


@pytest.mark.parametrize("first", STATES)
@pytest.mark.parametrize("second", STATES)
def test_the_largest_code_of_several_paths_counts(tmp_path, first, second) -> None:
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
    paths = [_in_state(f, s) for f, s in zip(folders, (first, second), strict=True)]
    result = ckpt("verify", "--json", *paths)
    rows = json.loads(result.output)
    assert [row["exit_code"] for row in rows] == [STATES[first], STATES[second]]
    assert result.exit_code == max(STATES[first], STATES[second])
