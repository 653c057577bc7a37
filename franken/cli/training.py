"""The demo's program: a small convolutional net on 8 x 8 images, written as for torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import franken as torch
from franken import nn
from franken.serialization.digest import digest_arrays

CLASSES = 10
BATCH = 64
# Chosen by cross-validation on the training images alone: the held-out ones had no say.
EPOCHS = 24
RATE = 4e-3  # falls to a hundredth along a cosine


def build() -> Any:
    """Two convolutions, a pooling and two dense layers: 38,282 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, CLASSES),
    )  # fmt: skip


def tensors(images: Any, labels: Any, device: str) -> tuple[Any, Any]:
    """Images as (N, 1, 8, 8) float32 in 0..1, labels as (N,) int64."""
    x = torch.tensor(images[:, None] / 16.0, dtype=torch.float32, device=device)
    return x, torch.tensor(labels, dtype=torch.int64, device=device)


def step(model: Any, optimizer: Any, x: Any, y: Any) -> float:
    """One training step; returns the loss."""
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return float(loss.item())


def train(
    data: tuple[Any, Any], seed: int, epochs: int, device: str, tick: Callable[[float], None]
) -> tuple[Any, Any]:
    """Train from `seed`; `tick(loss)` is called after every step. Returns (model, optimizer)."""
    torch.manual_seed(seed)
    model = build().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    x, y = data
    steps = steps_per_run(len(x), epochs)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=RATE / 100)
    for _ in range(epochs):
        order = torch.randperm(len(x)).to(device)
        for start in range(0, len(x), BATCH):
            pick = order[start : start + BATCH]
            tick(step(model, optimizer, x[pick], y[pick]))
            schedule.step()
    return model, optimizer


def accuracy(model: Any, data: tuple[Any, Any]) -> float:
    """Share of images whose class is found."""
    x, y = data
    model.eval()
    with torch.no_grad():
        right = (model(x).argmax(1) == y).sum().item()
    model.train()
    return float(right) / len(y)


def weights_digest(model: Any) -> str:
    """SHA-256 over all weights: names, dtypes, shapes and bytes."""
    return digest_arrays({k: v.cpu().numpy() for k, v in model.state_dict().items()})


def steps_per_run(samples: int, epochs: int) -> int:
    """How many steps `train` makes."""
    return epochs * -(-samples // BATCH)
