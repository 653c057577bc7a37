"""A data set of one's own, split, sampled and batched."""

from collections.abc import Iterator
from typing import Any, assert_type

import franken as torch
from franken.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    WeightedRandomSampler,
    random_split,
)


class Squares(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.tensor(float(index**2)), index % 2


class Stream(IterableDataset[torch.Tensor]):
    def __iter__(self) -> Iterator[torch.Tensor]:
        info = torch.utils.data.get_worker_info()
        yield from (torch.full((2,), i) for i in range(0 if info is None else info.id, 4))


def join(rows: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    xs, ys = zip(*rows, strict=True)
    return torch.stack(xs), torch.tensor(ys)


def main() -> None:
    data = Squares(10)
    train, test = random_split(data, [8, 2], generator=torch.Generator().manual_seed(3))
    x, y = train[0]
    assert_type(x, torch.Tensor)
    assert_type(y, int)
    assert_type(test, Subset[tuple[torch.Tensor, int]])
    sampler = WeightedRandomSampler([1.0] * 8, num_samples=8, replacement=True)
    loader = DataLoader(train, batch_size=4, sampler=sampler, collate_fn=join, drop_last=True)
    for batch in loader:
        assert_type(batch, Any)
        images, labels = batch
        print(images.shape, labels.dtype, len(loader))
    for each in DataLoader(Stream(), batch_size=None, num_workers=0):
        print(each)


def typos(data: Squares) -> None:
    DataLoader(data, batchsize=3)  # typo
    data.cuont  # typo
    random_split(data, [1, 2], genrator=None)  # typo
