"""The ready-made transformer, with masks and positions."""

import math
from typing import assert_type

import franken as torch
from franken import Tensor, nn


class Positions(nn.Module):
    table: Tensor

    def __init__(self, width: int, longest: int = 100) -> None:
        super().__init__()
        place = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(longest, 1, width)
        table[:, 0, 0::2] = torch.sin(place * rate)
        table[:, 0, 1::2] = torch.cos(place * rate)
        self.register_buffer("table", table)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.size(0)]


def main() -> None:
    layer = nn.TransformerEncoderLayer(d_model=16, nhead=4, dim_feedforward=32, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    assert_type(mask, Tensor)
    out = encoder(Positions(16)(torch.randn(5, 2, 16)), mask=mask)
    print(out.shape)
    attention = nn.MultiheadAttention(16, 4, batch_first=True)
    y, weights = attention(torch.rand(2, 5, 16), torch.rand(2, 5, 16), torch.rand(2, 5, 16))
    print(y, weights)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    print(criterion(torch.randn(4, 3), torch.tensor([0, 1, 2, 0])))


def typos(x: Tensor) -> None:
    nn.TransformerEncoderLayer(d_model=16, nheads=4)  # typo
    x.unsqeeze(0)  # typo
    torch.aragne(3)  # typo
    nn.CrossEntropyLoss(label_smooth=0.1)  # typo
