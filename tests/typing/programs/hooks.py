"""Hooks on modules and tensors."""

from typing import Any, assert_type

import franken as torch
from franken import Tensor, nn
from franken.utils.hooks import RemovableHandle

seen: dict[str, Tensor] = {}


def keep(name: str) -> Any:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen[name] = output.detach().clone()

    return hook


def main() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2))
    handles: list[RemovableHandle] = []
    for name, module in net.named_children():
        assert_type(name, str)
        assert_type(module, nn.Module)
        handles.append(module.register_forward_hook(keep(name)))
    handles.append(net.register_full_backward_hook(lambda m, gi, go: None))
    x = torch.ones(3, 4, requires_grad=True)
    handles.append(x.register_hook(lambda g: g * 2))
    out = net(x)
    out.retain_grad()
    out.pow(2).mean().backward()
    for handle in handles:
        handle.remove()
    print(x.grad, out.grad, x.is_leaf, out.grad_fn)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        net(x)


def typos(net: nn.Sequential, x: Tensor) -> None:
    net.register_forward_hok(keep("a"))  # typo
    x.register_hook(print).remov()  # typo
    x.retian_grad()  # typo
