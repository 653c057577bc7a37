"""A convolutional net trained on images of digits."""

from typing import assert_type

import franken as torch
import franken.nn.functional as F
from franken import nn, optim
from franken.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, kernel_size=3, stride=(1, 1))
        self.drop = nn.Dropout(0.25)
        self.fc = nn.Linear(16 * 3 * 3, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(x, 2)
        assert_type(F.max_pool2d(x, 2), torch.Tensor)
        x = F.relu(self.conv2(x))
        x = self.drop(F.adaptive_avg_pool2d(x, (3, 3)))
        return F.log_softmax(self.fc(torch.flatten(x, 1)), dim=1)


def train(
    model: Net, loader: DataLoader, optimizer: optim.Optimizer, device: torch.device
) -> float:
    model.train()
    total = 0.0
    for data, target in loader:
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(data)
    return total


@torch.no_grad()
def accuracy(model: Net, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    guessed = model(images).argmax(dim=1, keepdim=True)
    return guessed.eq(labels.view_as(guessed)).sum().item() / len(labels)


def main() -> None:
    torch.manual_seed(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = torch.randn(64, 1, 8, 8, dtype=torch.float32)
    labels = torch.randint(0, 10, (64,))
    assert_type(images, torch.Tensor)
    loader = DataLoader(TensorDataset(images, labels), batch_size=16, shuffle=True)
    model = Net().to(device)
    assert_type(model, Net)
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    for _ in range(2):
        train(model, loader, optimizer, device)
    print(f"{accuracy(model, images, labels):.1%}")
    torch.save(model.state_dict(), "mnist.pt")


def typos(model: Net, x: torch.Tensor) -> None:
    F.rellu(x)  # typo
    model.conv1.weigth.sum()  # typo
    optim.Adadelta(model.parametrs())  # typo
