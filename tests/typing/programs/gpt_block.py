"""A block of a GPT: causal self-attention and a perceptron, both residual."""

import math
from dataclasses import dataclass
from typing import assert_type

import franken as torch
import franken.nn as nn
from franken import Tensor
from franken.nn import functional as F


@dataclass
class Config:
    width: int = 64
    heads: int = 4
    context: int = 32
    dropout: float = 0.1


class Attention(nn.Module):
    mask: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width)
        n = config.context
        self.register_buffer("mask", torch.tril(torch.ones(n, n)).view(1, 1, n, n))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        assert_type(length, int)
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (
            each.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for each in (q, k, v)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
        scores = scores.masked_fill(self.mask[:, :, :length, :length] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(batch, length, width))


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, 4 * config.width), nn.GELU(approximate="tanh"),
            nn.Linear(4 * config.width, config.width), nn.Dropout(config.dropout),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@torch.no_grad()
def sample(logits: Tensor, top: int) -> Tensor:
    best = torch.topk(logits, top)
    assert_type(best.values, Tensor)
    values, indices = best
    logits[logits < values[:, [-1]]] = -float("inf")
    assert_type(indices, Tensor)
    return torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)


def main() -> None:
    block = Block(Config())
    y = block(torch.randn(2, 8, 64))
    print(sum(p.numel() for p in block.parameters()), y.shape)
    fused = F.scaled_dot_product_attention(
        torch.rand(1, 2, 4, 8), torch.rand(1, 2, 4, 8), torch.rand(1, 2, 4, 8), is_causal=True
    )
    assert_type(fused, Tensor)


def typos(x: Tensor, config: Config) -> None:
    x.transposed(1, 2)  # typo
    torch.topk(x, 3).value  # typo
    F.softmax(x, dimension=1)  # typo
    nn.LayerNorm(config.witdh)  # typo
