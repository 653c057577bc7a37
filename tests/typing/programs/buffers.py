"""A module with buffers, extra state, lists and dictionaries of modules."""

from typing import assert_type

import franken as torch
from franken import Tensor, nn


class Running(nn.Module):
    mean: Tensor
    count: Tensor

    def __init__(self, features: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.scale = nn.Parameter(torch.ones(features))
        self.register_parameter("shift", None)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("count", torch.tensor(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.mean(0), self.momentum)
                self.count += 1
        assert_type(self.scale, nn.Parameter)
        return (x - self.mean) * self.scale

    def extra_repr(self) -> str:
        return f"momentum={self.momentum}"


class Stack(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Running(4) for _ in range(depth)])
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 1), "b": nn.Linear(4, 2)})
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(())) for _ in range(depth)])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        for layer, scale in zip(self.layers, self.scales, strict=True):
            x = layer(x) * scale
        return {name: head(x) for name, head in self.heads.items()}


def main() -> None:
    net = Stack(2).double().eval()
    assert_type(net, Stack)
    for p in net.parameters():
        assert_type(p, nn.Parameter)
        p.requires_grad = False
    for name, buffer in net.named_buffers():
        assert_type(buffer, Tensor)
        print(name, buffer.device)
    print(net(torch.rand(3, 4, dtype=torch.double))["a"])
    net.to(dtype=torch.float32).train(False).requires_grad_(True)


def typos(net: Stack, x: Tensor) -> None:
    net.layres()  # typo
    nn.ModuleLst([])  # typo
    Running(4, momentun=0.2)  # typo
    nn.Parameter(x, require_grad=False)  # typo
