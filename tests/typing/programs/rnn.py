"""Recurrent nets over padded and packed sequences."""

from typing import assert_type

import franken as torch
from franken import Tensor, nn
from franken.nn.utils import clip_grad_norm_
from franken.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence


class Tagger(nn.Module):
    def __init__(self, words: int, tags: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(64, tags)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        out, (hidden, cell) = self.lstm(packed)
        padded, sizes = pad_packed_sequence(out, batch_first=True)
        return self.head(padded)


def main() -> None:
    sentences = [torch.tensor([1, 2, 3]), torch.tensor([4, 5])]
    tokens = pad_sequence(sentences, batch_first=True)
    assert_type(tokens, Tensor)
    lengths = torch.tensor([len(s) for s in sentences])
    model = Tagger(10, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scores = model(tokens, lengths)
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), tokens.flatten() % 4, ignore_index=0)
    loss.backward()
    norm = clip_grad_norm_(model.parameters(), max_norm=1.0)
    assert_type(norm, Tensor)
    optimizer.step()
    cell = nn.GRUCell(4, 8)
    h = torch.zeros(2, 8)
    for step in torch.randn(5, 2, 4):
        assert_type(step, Tensor)
        h = cell(step, h)
    stacked = torch.stack([h, h], dim=0)
    assert_type(torch.cat((stacked, stacked), 1), Tensor)


def typos(model: Tagger, x: Tensor) -> None:
    pad_sequence([x], batch_frist=True)  # typo
    torch.stak([x, x])  # typo
    model.embedding.num_embedings + 1  # typo
