"""Checkpoints: a module, its optimizer, and files that open elsewhere."""

import io
from pathlib import Path
from typing import Any, assert_type

import franken as torch
from franken import nn


def checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, path
    )


def resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    missing, unexpected = model.load_state_dict(found["model"], strict=False)
    optimizer.load_state_dict(found["optimizer"])
    print(missing, unexpected)
    epoch: int = found["epoch"]
    return epoch


def main() -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    checkpoint(Path("a.pt"), model, optimizer, 3)
    resume(Path("a.pt"), model, optimizer)
    buffer = io.BytesIO()
    torch.save(torch.eye(2), buffer)
    buffer.seek(0)
    print(torch.load(buffer))
    array = model.weight.detach().cpu().numpy()
    print(array.sum(), torch.from_numpy(array).shape)
    for name, value in model.state_dict().items():
        assert_type(name, str)
        print(name, value.shape)


def typos(model: nn.Module) -> None:
    torch.sav(model.state_dict(), "a.pt")  # typo
    model.load_state_dct({})  # typo
    torch.save(model.state_dct(), "a.pt")  # typo
