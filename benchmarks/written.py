"""The networks of `benchmarks.interpreter` as an engineer writes them in PyTorch: a class each, which gives logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.ir.net import Net


class LN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5, padding=2)
        self.conv2 = nn.Conv2d(4, 8, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(8, 12, 4, stride=2, padding=1)
        self.dense1 = nn.Linear(588, 200)
        self.dense2 = nn.Linear(200, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        x = F.relu(self.dense1(x.flatten(1)))
        return self.dense2(x)


class L5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.dense1 = nn.Linear(400, 120)
        self.dense2 = nn.Linear(120, 84)
        self.dense3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.dense1(x.flatten(1)))
        x = F.relu(self.dense2(x))
        return self.dense3(x)


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense1 = nn.Linear(784, 200)
        self.dense2 = nn.Linear(200, 100)
        self.dense3 = nn.Linear(100, 60)
        self.dense4 = nn.Linear(60, 30)
        self.dense5 = nn.Linear(30, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.dense1(x))
        x = F.relu(self.dense2(x))
        x = F.relu(self.dense3(x))
        x = F.relu(self.dense4(x))
        return self.dense5(x)


class VGG(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv5 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv6 = nn.Conv2d(128, 128, 3, padding=1)
        self.dense1 = nn.Linear(2048, 128)
        self.dense2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.conv3(x))
        x = F.max_pool2d(F.relu(self.conv4(x)), 2)
        x = F.relu(self.conv5(x))
        x = F.max_pool2d(F.relu(self.conv6(x)), 2)
        x = F.relu(self.dense1(x.flatten(1)))
        return self.dense2(x)


class LSTM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.dense = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.lstm(x)
        return self.dense(x[:, -1])


CLASSES = {each.__name__: each for each in (LN, L5, MLP, VGG, LSTM)}


def written(net: Net) -> nn.Module:
    """The network of this name by hand, with the weights that netspec gives it."""
    model: nn.Module = CLASSES[net.name]()
    values = netspec.compile(net, "numpy").parameters().values()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), values, strict=True):
            parameter.copy_(torch.from_numpy(value))
    return model
