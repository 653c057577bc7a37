"""A generator against a discriminator."""

from typing import assert_type

import franken as torch
from franken import nn


def weights_init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        nn.init.zeros_(module.bias)


def main() -> None:
    latent, batch = 16, 8
    generator = nn.Sequential(nn.Linear(latent, 32), nn.ReLU(True), nn.Linear(32, 64), nn.Tanh())
    critic = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2, inplace=True), nn.Linear(32, 1))
    generator.apply(weights_init)
    critic.apply(weights_init)
    criterion = nn.BCEWithLogitsLoss()
    for_critic = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    real = torch.rand(batch, 64)
    for _ in range(3):
        for_critic.zero_grad(set_to_none=True)
        noise = torch.randn(batch, latent, device=real.device)
        fake = generator(noise)
        loss = criterion(critic(real), torch.ones(batch, 1)) + criterion(
            critic(fake.detach()), torch.zeros(batch, 1)
        )
        loss.backward()
        for_critic.step()
        for_generator.zero_grad()
        criterion(critic(fake), torch.full((batch, 1), 1.0)).backward()
        for_generator.step()
    interpolated = torch.lerp(real, torch.rand_like(real), 0.5).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(interpolated).sum(), interpolated, create_graph=True)
    assert_type(slope, torch.Tensor)
    penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
    assert_type(penalty, torch.Tensor)


def typos(module: nn.Module) -> None:
    nn.init.normall_(module.weight)  # typo
    module.aply(weights_init)  # typo
    torch.optim.Adam(module.parameters(), learning_rate=0.1)  # typo
