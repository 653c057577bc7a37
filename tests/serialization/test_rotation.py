"""Rotation never loses its last good step, whatever happens to its files or its process."""

from __future__ import annotations

import multiprocessing
import shutil

import numpy as np
import pytest

import franken as torch
from franken.serialization.durability import BadInput, Busy, Unrepairable
from franken.serialization.durability.rotation import Checkpoints


def state(step: int) -> dict[str, object]:
    # Random: pieces that look alike would be found elsewhere in the file.
    return {"step": step, "w": np.random.default_rng(step).random(5000, np.float32)}


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    made = Checkpoints(tmp_path / "runs", keep_last=3)
    for step in (1, 2, 3):
        made.save(step, state(step))
    return made


def overwrite(path, begin: int, length: int) -> None:
    with open(path, "r+b") as file:
        file.seek(begin)
        file.write(b"\xaa" * length)


def hidden(checkpoints: Checkpoints) -> list[str]:
    return [each.name for each in checkpoints.folder.iterdir() if each.name.startswith(".")]


def test_it_keeps_the_last_and_every_kth(tmp_path) -> None:
    made = Checkpoints(tmp_path, keep_last=2, keep_every=4)
    for step in range(10):
        made.save(step, state(step))
    assert made.steps() == [0, 4, 8, 9] and not hidden(made)
    assert made.load(4).state["step"] == 4


def test_tensors_come_back(tmp_path) -> None:
    made = Checkpoints(tmp_path)
    model = torch.nn.Linear(3, 2)
    made.save(0, {"model": model.state_dict()})
    loaded = made.load().state["model"]
    assert loaded.keys() == model.state_dict().keys()
    np.testing.assert_array_equal(loaded["weight"].numpy(), model.weight.detach().numpy())


def test_damage_to_the_newest_is_repaired(checkpoints) -> None:
    good = checkpoints.path(3).read_bytes()
    overwrite(checkpoints.path(3), 9000, 300)
    found = checkpoints.load()
    assert found.step == 3 and found.repaired and not found.skipped
    np.testing.assert_array_equal(found.state["w"], state(3)["w"])
    assert checkpoints.path(3).read_bytes() == good


def test_beyond_repair_it_falls_back_and_says_so(checkpoints) -> None:
    overwrite(checkpoints.path(3), 5000, 9000)
    found = checkpoints.load()
    assert found.step == 2 and [step for step, _ in found.skipped] == [3]
    with pytest.raises(Unrepairable, match="step 3"):
        checkpoints.load(3)


def test_nothing_left_is_an_error_that_names_every_step(checkpoints) -> None:
    for step in (1, 2, 3):
        overwrite(checkpoints.path(step), 5000, 9000)
    with pytest.raises(Unrepairable, match="step 3.*step 2.*step 1"):
        checkpoints.load()


def test_an_empty_folder_is_bad_input(tmp_path) -> None:
    with pytest.raises(BadInput, match="no such checkpoint"):
        Checkpoints(tmp_path).load()


def test_a_lost_sidecar_is_made_again_where_the_format_proves_itself(checkpoints) -> None:
    sidecar = checkpoints.path(3).with_name(checkpoints.name + ".frq")
    sidecar.unlink()
    assert checkpoints.load().step == 3 and sidecar.exists()
    sidecar.write_bytes(b"not a sidecar")
    overwrite(checkpoints.path(3), 9000, 1)
    assert checkpoints.load().step == 2


def test_without_a_format_of_its_own_a_lost_sidecar_proves_nothing(tmp_path) -> None:
    made = Checkpoints(tmp_path, save=lambda value, path: np.save(path, value), load=np.load,
                       name="state.npy")  # fmt: skip
    made.save(1, np.arange(1000))
    made.save(2, np.arange(1000) * 2)
    np.testing.assert_array_equal(made.load().state, np.arange(1000) * 2)
    (tmp_path / "step-00000002" / "state.npy.frq").unlink()
    assert made.load().step == 1


def test_a_step_saved_again_is_replaced(checkpoints) -> None:
    checkpoints.save(3, state(33))
    assert checkpoints.load().state["step"] == 33 and checkpoints.steps() == [1, 2, 3]


def test_an_error_while_saving_keeps_all_steps(checkpoints) -> None:
    with pytest.raises(TypeError):
        checkpoints.save(4, {"f": lambda: None})
    assert checkpoints.steps() == [1, 2, 3] and not hidden(checkpoints)


def test_what_a_killed_process_left_is_cleared_or_undone(checkpoints) -> None:
    folder = checkpoints.folder
    (folder / ".new.step-00000004").mkdir()
    (folder / ".gone.step-00000000").mkdir()
    # Killed between the two renames of a replacement: the old step comes back.
    (folder / "step-00000003").rename(folder / ".old.step-00000003")
    assert checkpoints.load().step == 3 and not hidden(checkpoints)
    # Killed after them: the new one counts.
    shutil.copytree(folder / "step-00000002", folder / ".old.step-00000003")
    assert checkpoints.load().state["step"] == 3 and not hidden(checkpoints)


def test_other_files_in_the_folder_are_left_alone(checkpoints) -> None:
    note = checkpoints.folder / "notes.txt"
    note.write_text("mine")
    checkpoints.save(4, state(4))
    assert note.read_text() == "mine" and checkpoints.steps() == [2, 3, 4]


def test_a_second_process_waits_and_then_says_busy(checkpoints) -> None:
    other = Checkpoints(checkpoints.folder, wait=0.05)
    with checkpoints._locked(), pytest.raises(Busy):
        other.save(4, state(4))
    assert other.load().step == 3


def _save_ten(folder: str, first: int) -> None:
    made = Checkpoints(folder, keep_last=2, wait=60)
    for step in range(first, first + 5):
        made.save(step, state(step))


def test_two_processes_at_once_leave_whole_steps(tmp_path) -> None:
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=_save_ten, args=(str(tmp_path), first)) for first in (0, 5)]
    for each in others:
        each.start()
    for each in others:
        each.join()
        assert each.exitcode == 0
    made = Checkpoints(tmp_path)
    found = made.load()
    assert not found.skipped and found.state["step"] == found.step


@pytest.mark.parametrize(
    "settings",
    [{"keep_last": 0}, {"keep_every": 0}, {"save": print}, {"name": "a/b"}, {"name": ".a"}],
)
def test_settings_that_make_no_sense_are_bad_input(tmp_path, settings) -> None:
    with pytest.raises(BadInput):
        Checkpoints(tmp_path, **settings)


@pytest.mark.parametrize("step", [-1, 1.5, True, "3"])
def test_a_step_is_a_natural_number(checkpoints, step) -> None:
    with pytest.raises(BadInput, match="step"):
        checkpoints.save(step, {})
