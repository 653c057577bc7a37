"""Weights that are functions of others: parametrizations, weight and spectral norm, init."""

from typing import assert_type

import franken as torch
from franken import Tensor, nn
from franken.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).transpose(-1, -2)

    def right_inverse(self, x: Tensor) -> Tensor:
        return x.triu()


def main() -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert_type(parametrize.is_parametrized(layer), bool)
    with parametrize.cached():
        layer(torch.ones(1, 3))
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    normed = parametrizations.weight_norm(nn.Linear(3, 2), name="weight", dim=0)
    spectral = parametrizations.spectral_norm(nn.Conv2d(1, 2, 3))
    print(normed, spectral)
    nn.init.kaiming_uniform_(layer.weight, a=5**0.5, nonlinearity="relu")
    nn.init.xavier_normal_(layer.weight, gain=nn.init.calculate_gain("tanh"))
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert_type(vector, Tensor)
    nn.utils.vector_to_parameters(vector * 0, layer.parameters())


def typos(layer: nn.Linear) -> None:
    parametrize.register_parametrisation(layer, "weight", Symmetric())  # typo
    nn.init.kaiming_uniform_(layer.weight, gian=2)  # typo
    layer.in_feature + 1  # typo
