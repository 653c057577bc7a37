"""The demo's last part really damages a checkpoint, and really repairs it."""

from __future__ import annotations

import pytest
from rich.console import Console

import franken
from franken.cli import demo, demo_repair, training


def test_the_damaged_checkpoint_comes_back() -> None:
    franken.manual_seed(0)
    model = training.build()
    before = training.weights_digest(model)
    report = demo._damage_and_repair(model, Console(quiet=True))
    assert report["ok"] and report["found"] == "repairable" and report["symbols_recovered"] > 5
    assert len(report["damaged_tensors"]) > 1
    assert report["weights_sha256"] == before == training.weights_digest(model)


def test_the_damage_makes_the_file_unreadable(tmp_path) -> None:
    path = tmp_path / "model.franken"
    franken.save(training.build().state_dict(), path)
    size = path.stat().st_size
    demo_repair.damage(path)
    assert path.stat().st_size == size - len(demo_repair.CUT)
    with pytest.raises(ValueError, match="failed reading zip archive"):
        franken.load(path)
