"""Arithmetic, comparisons, reductions and shapes."""

from typing import assert_type

import franken as torch
from franken import Tensor


def main() -> None:
    a, b = torch.ones(3, 1), torch.tensor([1.0, 2.0])
    assert_type(a + b, Tensor)
    assert_type(2 * a - 1, Tensor)
    assert_type(1 / (a + 1), Tensor)
    assert_type(a**2, Tensor)
    assert_type(2**a, Tensor)
    assert_type(-a // 2 % 3, Tensor)
    assert_type(a == b, Tensor)
    assert_type((a > 1) & ~(b < 2) | (b != 1), Tensor)
    assert_type(a @ b[None], Tensor)
    a += 1
    a *= b[:1]
    assert_type(a, Tensor)
    assert_type(a.sum(), Tensor)
    assert_type(a.mean(dim=(0, 1), keepdim=True), Tensor)
    assert_type(a.max(), Tensor)
    assert_type(torch.max(a, b), Tensor)
    assert_type(a.max(dim=0).indices, Tensor)
    values, indices = a.min(0)
    assert_type(values, Tensor)
    assert_type(torch.sort(b, descending=True).values, Tensor)
    assert_type(b.median(), Tensor)
    assert_type(torch.var_mean(b)[1], Tensor)
    assert_type(a.shape, torch.Size)
    assert_type(a.size(), torch.Size)
    assert_type(a.size(0), int)
    assert_type(a.stride(), tuple[int, ...])
    assert_type(a.dim() + a.ndim + a.numel(), int)
    assert_type(a.expand(3, 4).reshape(-1).view(2, 6).t(), Tensor)
    assert_type(a.permute(1, 0).unsqueeze(-1).squeeze(), Tensor)
    assert_type(torch.broadcast_tensors(a, b), tuple[Tensor, ...])
    assert_type(a.clamp(min=0).add_(1).mul_(2), Tensor)
    assert_type(torch.add(a, b, alpha=2, out=torch.empty(3, 2)), Tensor)
    assert_type(a.dtype, torch.dtype)
    assert_type(a.device, torch.device)
    assert_type(a.requires_grad, bool)
    assert_type(bool((a > 0).all()), bool)
    assert_type(torch.unique(b), Tensor)
    assert_type(torch.unique(b, return_counts=True), tuple[Tensor, Tensor])
    assert_type(torch.einsum("ij,k->ik", a, b), Tensor)
    print(f"{a.sum().item():.3f}", torch.finfo(torch.float32).eps, torch.pi)


def typos(a: Tensor) -> None:
    a.meen()  # typo
    torch.sum(a, dmi=0)  # typo
    a.shap  # typo
    a + "one"  # typo
    a.max(dim=0).indexes  # typo
