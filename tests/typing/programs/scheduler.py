"""Optimizers with parameter groups, schedulers, and averaged weights."""

import franken as torch
from franken import nn, optim
from franken.optim import lr_scheduler
from franken.optim.swa_utils import SWALR, AveragedModel


def main() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimizer = optim.AdamW(
        [
            {"params": model[0].parameters(), "lr": 1e-2},
            {"params": list(model[2].parameters()), "weight_decay": 0.0},
        ],
        lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1,
    )  # fmt: skip
    warm = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=3)
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=1e-5)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[3])
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=2)
    averaged = AveragedModel(model)
    swa = SWALR(optimizer, swa_lr=0.05)
    x = torch.randn(8, 4)
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), torch.zeros(8, 1))
        loss.backward()
        optimizer.step()
        scheduler.step()
        averaged.update_parameters(model)
    plateau.step(loss.item())
    swa.step()
    print(scheduler.get_last_lr(), optimizer.param_groups[0]["lr"])

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        found = model(x).square().sum()
        found.backward()
        return found

    optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe").step(closure)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)


def typos(optimizer: optim.SGD) -> None:
    lr_scheduler.StepLR(optimizer, step_sise=3)  # typo
    optimizer.zero_gard()  # typo
    optim.SGDD([torch.zeros(1)])  # typo
