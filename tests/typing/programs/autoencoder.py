"""A variational autoencoder."""

from typing import assert_type

import franken as torch
from franken import Tensor, nn
from franken.nn import functional as F


class VAE(nn.Module):
    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(width, 32), nn.SiLU())
        self.mu, self.logvar = nn.Linear(32, latent), nn.Linear(32, latent)
        self.decode = nn.Sequential(
            nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, width), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encode(x)
        mu, logvar = self.mu(h), self.logvar(h)
        std = torch.exp(0.5 * logvar)
        z = mu + std * torch.randn_like(std)
        return self.decode(z), mu, logvar


def loss(made: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    likelihood = F.binary_cross_entropy(made, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    assert_type(divergence, Tensor)
    return likelihood + divergence


def main() -> None:
    model = VAE(16, 2)
    optimizer = torch.optim.Adam(model.parameters())
    x = torch.rand(8, 4, 4).flatten(1)
    for _ in range(3):
        optimizer.zero_grad()
        total = loss(model(x)[0], x, *model(x)[1:])
        total.backward()
        optimizer.step()
    with torch.inference_mode():
        print(model.decode(torch.randn(4, 2)).clamp(0, 1))
    conv = nn.ConvTranspose2d(1, 1, 3, stride=2, output_padding=1)
    print(F.interpolate(conv(x.view(8, 1, 4, 4)), scale_factor=2.0, mode="nearest"))


def typos(model: VAE, x: Tensor) -> None:
    model.decod(x)  # typo
    torch.rand_lik(x)  # typo
    F.binary_cross_entropy(x, x, reducton="sum")  # typo
