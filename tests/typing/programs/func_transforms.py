"""Gradients of functions, per sample, forward and backward."""

from typing import assert_type

import franken as torch
from franken import Tensor, nn
from franken.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap


def loss(w: Tensor, x: Tensor) -> Tensor:
    return ((x @ w).tanh() ** 2).sum()


def main() -> None:
    w, xs = torch.randn(3), torch.randn(5, 3)
    per_sample = vmap(grad(loss), in_dims=(None, 0))(w, xs)
    print(per_sample.shape)
    out, tangent = jvp(loss, (w, xs), (torch.ones_like(w), torch.zeros_like(xs)))
    value, pull = vjp(loss, w, xs)
    print(out, tangent, value, pull(torch.tensor(1.0)))
    print(jacrev(torch.sin)(w), jacfwd(torch.cos)(w), hessian(loss)(w, xs))
    model = nn.Linear(3, 1)
    params = {k: v.detach() for k, v in model.named_parameters()}
    for key, each in params.items():
        assert_type(key, str)
        assert_type(each, Tensor)
    y = functional_call(model, params, (xs,))
    print(y)
    batched = torch.vmap(torch.dot)
    print(batched(xs, xs))


def typos(w: Tensor, x: Tensor) -> None:
    grad(loss, argnum=1)(w, x)  # typo
    torch.func.jacrv(loss)  # typo
    vmap(loss, in_dim=0)(w, x)  # typo
