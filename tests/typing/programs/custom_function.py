"""A Function of one's own: forward, backward, saved tensors and a check of the gradient."""

from typing import Any, assert_type

import franken as torch
from franken import Tensor
from franken.autograd import Function, gradcheck
from franken.autograd.function import once_differentiable


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.scale = scale
        return scale * x**3

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None]:
        (x,) = ctx.saved_tensors
        return (grad * 3 * ctx.scale * x**2 if ctx.needs_input_grad[0] else None), None


class Sign(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


def main() -> None:
    x = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    y = Cube.apply(x, 2.0)
    y.sum().backward()
    assert x.grad is not None
    assert_type(x.grad, Tensor)
    print(x.grad.abs().max())
    assert_type(gradcheck(lambda v: Cube.apply(v, 1.0), (x,)), bool)
    with torch.autograd.set_detect_anomaly(True):
        Sign.apply(x)
    assert_type(torch.is_grad_enabled(), bool)


def typos(x: Tensor) -> None:
    Cube.aply(x, 1.0)  # typo
    x.requires_gard  # typo
    gradcheck(torch.sin, (x,), epss=1e-3)  # typo
