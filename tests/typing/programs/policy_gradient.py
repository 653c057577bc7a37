"""REINFORCE with a categorical choice made by hand."""

from typing import assert_type

import franken as torch
from franken import Tensor, nn


class Policy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))

    def choose(self, state: Tensor) -> tuple[int, Tensor]:
        logits = self.net(state)
        action = int(torch.multinomial(logits.softmax(-1), 1).item())
        return action, torch.log_softmax(logits, -1)[action]


def returns(rewards: list[float], discount: float) -> Tensor:
    total = 0.0
    found: list[float] = []
    for r in reversed(rewards):
        total = r + discount * total
        found.insert(0, total)
    values = torch.tensor(found)
    return (values - values.mean()) / (values.std() + torch.finfo(values.dtype).eps)


def main() -> None:
    torch.manual_seed(0)
    policy = Policy()
    optimizer = torch.optim.RMSprop(policy.parameters(), lr=1e-2)
    logs: list[Tensor] = []
    rewards: list[float] = []
    state = torch.zeros(4)
    for _ in range(6):
        action, log = policy.choose(state)
        logs.append(log)
        rewards.append(float(action))
        state = state + torch.randn(4) * 0.1
    loss = torch.stack([-a * b for a, b in zip(logs, returns(rewards, 0.9), strict=True)]).sum()
    assert_type(loss, Tensor)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def typos(policy: Policy, x: Tensor) -> None:
    policy.chose(x)  # typo
    x.log_softmx(-1)  # typo
    torch.finfo(x.dtype).epsilon  # typo
