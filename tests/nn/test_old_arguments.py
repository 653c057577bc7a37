"""Old options of losses, unknown names, clusters without samples: beside torch's modules."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

LOSSES: dict[str, Any] = {
    "L1Loss": lambda T: (rows(T), rows(T) * 2),
    "MSELoss": lambda T: (rows(T), rows(T) * 2),
    "SmoothL1Loss": lambda T: (rows(T), rows(T) * 2),
    "BCELoss": lambda T: (rows(T).sigmoid(), (rows(T) > 0) + 0.0),
    "BCEWithLogitsLoss": lambda T: (rows(T), (rows(T) > 0) + 0.0),
    "KLDivLoss": lambda T: (rows(T).log_softmax(1), rows(T).softmax(1)),
    "NLLLoss": lambda T: (rows(T), classes(T)),
    "CrossEntropyLoss": lambda T: (rows(T), classes(T)),
    "MultiMarginLoss": lambda T: (rows(T), classes(T)),
    "MultiLabelMarginLoss": lambda T: (rows(T), T.tensor([[0, 2, -1]] * 4)),
    "MultiLabelSoftMarginLoss": lambda T: (rows(T), (rows(T) > 0) + 0.0),
    "SoftMarginLoss": lambda T: (rows(T), rows(T).sign()),
    "HingeEmbeddingLoss": lambda T: (rows(T), rows(T).sign()),
    "PoissonNLLLoss": lambda T: (rows(T), rows(T).abs()),
    "CosineEmbeddingLoss": lambda T: (rows(T), rows(T) * 2, rows(T)[:, 0].sign()),
    "MarginRankingLoss": lambda T: (rows(T), rows(T) * 2, rows(T).sign()),
    "TripletMarginLoss": lambda T: (rows(T), rows(T) * 2, rows(T) - 1),
}
OLD = [
    {"size_average": a, "reduce": r}
    for a in (None, True, False)
    for r in (None, True, False)
    if (a, r) != (None, None)
]


def rows(T: Any) -> Any:
    return (T.arange(12.0).reshape(4, 3) * 5 % 7 - 2.5) / 2


def classes(T: Any) -> Any:
    return T.tensor([0, 2, 1, 2])


@pytest.mark.parametrize("name", LOSSES)
def test_old_options_of_losses(name: str, agree: Any) -> None:
    for options in OLD:

        def program(T: Any, options: dict[str, Any] = options) -> Any:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                loss = getattr(T.nn, name)(**options)
                said = [str(w.message) for w in caught]
            return loss.reduction, said, loss(*LOSSES[name](T))

        assert agree(program)[0] == "value"


def adaptive(T: Any, targets: Any, **options: Any) -> Any:
    T.manual_seed(0)
    made = T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, [3, 7], **options)
    target = T.tensor(targets)
    x = (T.arange(4.0 * max(target.numel(), 1)) % 5 - 2).reshape(*target.shape, 4)
    out = made(x, target)
    out.loss.backward()
    grads = [p.grad is not None and p.grad for p in made.parameters()]
    return tuple(out), grads, made.log_prob(x.reshape(-1, 4)), made.predict(x.reshape(-1, 4))


CALLS: dict[str, Any] = {
    **{
        f"adaptive {t} {options}": lambda T, t=t, options=options: adaptive(T, t, **options)
        for t in ([0, 2, 1], [11, 7], [4, 5, 3], [0, 11], [11, 0, 4, 2], [3], 5, 0, 11)
        for options in ({}, {"head_bias": True}, {"div_value": 2.0})
    },
    "adaptive above": lambda T: adaptive(T, [12, 1]),
    "adaptive below": lambda T: adaptive(T, [-1, 1]),
    "adaptive alone above": lambda T: adaptive(T, 12),
    "adaptive shape": lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, [3])(
        T.ones(2, 4), T.tensor([1])
    ),
    "adaptive two dimensions": lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, [3])(
        T.ones(2, 4), T.tensor([[1]])
    ),
    "adaptive alone in two": lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, [3])(
        T.ones(2, 4), T.tensor(1)
    ),
    "adaptive order": lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, [5, 3]),
    "adaptive range": lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, [12]),
    "adaptive none": lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(4, 12, []),
    "rnn mode": lambda T: T.nn.RNNBase("GRUX", 2, 3),
    "rnn nonlinearity": lambda T: T.nn.RNN(2, 3, nonlinearity="sin"),
    "rnn dropout": lambda T: T.nn.LSTM(2, 3, dropout=2.0),
    "rnn dropout bool": lambda T: T.nn.LSTM(2, 3, dropout=True),
    "rnn hidden": lambda T: T.nn.LSTM(2, 0),
    "rnn hidden kind": lambda T: T.nn.LSTM(2, 3.0),
    "rnn layers": lambda T: T.nn.LSTM(2, 3, 0),
    "rnn projection": lambda T: T.nn.LSTM(2, 3, proj_size=3),
    "rnn projection below": lambda T: T.nn.LSTM(2, 3, proj_size=-1),
    "gru projection": lambda T: T.nn.GRU(2, 3, proj_size=1),
    "transformer activation": lambda T: T.nn.TransformerEncoderLayer(4, 2, activation="tanh"),
    "attention heads": lambda T: T.nn.MultiheadAttention(5, 2),
    "conv groups": lambda T: T.nn.Conv2d(3, 4, 1, groups=2),
    "conv groups out": lambda T: T.nn.Conv2d(4, 3, 1, groups=2),
    "conv no groups": lambda T: T.nn.Conv2d(4, 4, 1, groups=0),
    "conv same stride": lambda T: T.nn.Conv2d(4, 4, 1, padding="same", stride=2),
    "norm groups": lambda T: T.nn.GroupNorm(3, 4),
    "dropout": lambda T: T.nn.Dropout(1.5),
    "embedding index": lambda T: T.nn.Embedding(3, 2, padding_idx=3),
    "embedding index below": lambda T: T.nn.Embedding(3, 2, padding_idx=-4),
    "threshold": lambda T: T.nn.Hardtanh(1.0, -1.0),
    "bilinear": lambda T: T.nn.Bilinear(0, 2, 3),
    "cosine margin": lambda T: T.nn.TripletMarginWithDistanceLoss(margin=-1.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_torch(name: str, agree: Any) -> None:
    agree(CALLS[name], words=40)
