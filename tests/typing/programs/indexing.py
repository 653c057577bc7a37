"""Reading and writing parts of tensors."""

from typing import assert_type

import franken as torch
from franken import Tensor


def main() -> None:
    x = torch.arange(24).reshape(2, 3, 4)
    assert_type(x[0], Tensor)
    assert_type(x[..., 1:3], Tensor)
    assert_type(x[:, None, [0, 2]], Tensor)
    assert_type(x[x > 3], Tensor)
    assert_type(x[torch.tensor([0, 1]), 1], Tensor)
    x[0, 1] = 7
    x[x % 2 == 0] += 1
    x[:, 0] = torch.zeros(2, 4, dtype=torch.int64)
    rows, columns, planes = torch.where(x > 5)
    assert_type(rows, Tensor)
    assert_type(torch.where(x > 5, x, 0), Tensor)
    assert_type(x.nonzero(), Tensor)
    assert_type(x.nonzero(as_tuple=True), tuple[Tensor, ...])
    picked = torch.gather(x, 2, torch.zeros(2, 3, 1, dtype=torch.long))
    assert_type(picked, Tensor)
    out = torch.zeros(5).scatter_(0, torch.tensor([1, 3]), 1.0)
    out.index_add_(0, torch.tensor([0]), torch.ones(1))
    assert_type(out.index_select(0, torch.tensor([1])), Tensor)
    assert_type(x.masked_select(x > 2), Tensor)
    first, *rest = x.unbind(0)
    assert_type(first, Tensor)
    assert_type(rest, list[Tensor])
    assert_type(x.chunk(2, dim=-1), tuple[Tensor, ...])
    for row in x:
        assert_type(row, Tensor)
    assert_type(len(x), int)
    assert_type(int(x[0, 0, 0]), int)


def typos(x: Tensor) -> None:
    x.index_slect(0, x)  # typo
    x[0].sacatter_(0, x, x)  # typo
    torch.gather(x, dims=0, index=x)  # typo
