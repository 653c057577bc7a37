"""A small U-net with skip connections, a checkpointed block and a loss of one's own."""

from typing import assert_type

import franken as torch
import franken.utils.checkpoint
from franken import Tensor, nn
from franken.nn import functional as F


def block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding="same", bias=False), nn.GroupNorm(2, outside),
        nn.ReLU(inplace=True),
    )  # fmt: skip


class UNet(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.down, self.middle = block(1, 8), block(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.last, self.head = block(16, 8), nn.Conv2d(8, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = self.down(x)
        deep = torch.utils.checkpoint.checkpoint(
            self.middle, F.max_pool2d(kept, 2), use_reentrant=False
        )
        joined = torch.cat([self.up(deep), kept], dim=1)
        return self.head(F.pad(self.last(joined), (1, 1, 1, 1)))


class Dice(nn.Module):
    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        p = scores.softmax(1)
        hot = F.one_hot(target, p.shape[1]).permute(0, 3, 1, 2).to(p.dtype)
        overlap = (p * hot).sum(dim=(0, 2, 3))
        return 1 - (2 * overlap / (p + hot).sum((0, 2, 3))).mean()


def main() -> None:
    net = UNet(3)
    pooled, where = F.max_pool2d(torch.rand(1, 1, 4, 4), 2, return_indices=True)
    assert_type(where, Tensor)
    assert_type(F.max_unpool2d(pooled, where, 2), Tensor)
    out = net(torch.rand(2, 1, 8, 8))
    loss = Dice()(out, torch.zeros(2, 10, 10, dtype=torch.long))
    loss.backward()
    for p in net.parameters():
        if p.grad is not None:
            p.grad.clamp_(-1, 1)


def typos(net: UNet, x: Tensor) -> None:
    F.max_pol2d(x, 2)  # typo
    nn.Conv2d(1, 2, kernel_siz=3)  # typo
    net.midle(x)  # typo
