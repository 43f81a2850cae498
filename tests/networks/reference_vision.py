"""Image classifiers, written by hand from their papers; padding and pooling as in the implementation that is counted.

Submodules are made in reading order of the layers (the main path of a block before its shortcut), so that parameters
come in the order in which a spec's lines make them.  Every network returns logits, what its last softmax would take.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CLASSES = 1000


def conv_relu(inputs: int, outputs: int, kernel: int, **options: int) -> list[nn.Module]:
    """A convolution with bias and its relu."""
    return [nn.Conv2d(inputs, outputs, kernel, **options), nn.ReLU()]


def conv_norm(inputs: int, outputs: int, kernel: int, **options: int) -> list[nn.Module]:
    """A convolution without bias and its batch normalisation."""
    return [nn.Conv2d(inputs, outputs, kernel, bias=False, **options), nn.BatchNorm2d(outputs)]


def response_norm() -> nn.Module:
    """Local response normalisation as in Caffe: alpha is divided by the number of channels, k is 1."""
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)


# --- AlexNet, VGG


def alexnet() -> nn.Module:
    """The one tower of Krizhevsky 2014 ("One weird trick"), as torchvision has it."""
    return nn.Sequential(
        *conv_relu(3, 64, 11, stride=4, padding=2),
        nn.MaxPool2d(3, 2),
        *conv_relu(64, 192, 5, padding=2),
        nn.MaxPool2d(3, 2),
        *conv_relu(192, 384, 3, padding=1),
        *conv_relu(384, 256, 3, padding=1),
        *conv_relu(256, 256, 3, padding=1),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, CLASSES),
    )


def alexnet_grouped() -> nn.Module:
    """The two groups of Krizhevsky et al. 2012, as Caffe's `bvlc_alexnet` has it: normalisation before pooling."""
    return nn.Sequential(
        *conv_relu(3, 96, 11, stride=4),
        response_norm(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *conv_relu(96, 256, 5, padding=2, groups=2),
        response_norm(),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *conv_relu(256, 384, 3, padding=1),
        *conv_relu(384, 384, 3, padding=1, groups=2),
        *conv_relu(384, 256, 3, padding=1, groups=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Flatten(),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, CLASSES),
    )


def _vgg(depths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for width, depth in zip((64, 128, 256, 512, 512), depths, strict=True):
        for _ in range(depth):
            layers += conv_relu(channels, width, 3, padding=1)
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(0.5)]
    layers += [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, CLASSES)]
    return nn.Sequential(*layers)


def vgg16() -> nn.Module:
    """Configuration D of Simonyan and Zisserman 2014."""
    return _vgg((2, 2, 3, 3, 3))


def vgg19() -> nn.Module:
    """Configuration E of Simonyan and Zisserman 2014."""
    return _vgg((2, 2, 4, 4, 4))


# --- ResNet


class Residual(nn.Module):
    """A main path and its shortcut, added: y = relu(path(x) + shortcut(x)) (He et al. 2015)."""

    def __init__(self, path: list[nn.Module], inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(*path)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(*conv_norm(inputs, outputs, 1, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.path(x) + self.shortcut(x))


def basic(inputs: int, width: int, stride: int) -> nn.Module:
    """Two convolutions of 3x3."""
    path = [*conv_norm(inputs, width, 3, stride=stride, padding=1), nn.ReLU()]
    path += conv_norm(width, width, 3, padding=1)
    return Residual(path, inputs, width, stride)


def bottleneck(inputs: int, width: int, stride: int) -> nn.Module:
    """1x1, 3x3, 1x1; the stride is the 3x3's, as in torchvision (the paper has it in the first 1x1)."""
    path = [*conv_norm(inputs, width, 1), nn.ReLU()]
    path += [*conv_norm(width, width, 3, stride=stride, padding=1), nn.ReLU()]
    path += conv_norm(width, 4 * width, 1)
    return Residual(path, inputs, 4 * width, stride)


def _stem() -> list[nn.Module]:
    return [
        *conv_norm(3, 64, 7, stride=2, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
    ]


def _resnet(depths: tuple[int, ...], deep: bool) -> nn.Module:
    layers, channels = _stem(), 64
    block, expansion = (bottleneck, 4) if deep else (basic, 1)
    for stage, depth in enumerate(depths):
        width = 64 * 2**stage
        for index in range(depth):
            layers.append(block(channels, width, 2 if stage and not index else 1))
            channels = expansion * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


def resnet18() -> nn.Module:
    """He et al. 2015, table 1, 18 layers."""
    return _resnet((2, 2, 2, 2), deep=False)


def resnet50() -> nn.Module:
    """He et al. 2015, table 1, 50 layers."""
    return _resnet((3, 4, 6, 3), deep=True)


def resnet152() -> nn.Module:
    """He et al. 2015, table 1, 152 layers."""
    return _resnet((3, 8, 36, 3), deep=True)


# --- DenseNet


class Grow(nn.Module):
    """A dense layer: batchnorm, relu, 1x1 to 4 * growth channels, batchnorm, relu, 3x3; the result is appended."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            *conv_norm(inputs, 4 * growth, 1),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.path(x)], 1)


def densenet121() -> nn.Module:
    """DenseNet-BC of Huang et al. 2016, growth 32, compression 1/2, 6 + 12 + 24 + 16 layers."""
    layers, channels = _stem(), 64
    for stage, depth in enumerate((6, 12, 24, 16)):
        if stage:
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            layers += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(depth):
            layers.append(Grow(channels, 32))
            channels += 32
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, CLASSES))


# --- MobileNetV2


class Inverted(nn.Module):
    """An inverted residual: 1x1 to t times the channels, depthwise 3x3, linear 1x1 (Sandler et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, factor: int, stride: int) -> None:
        super().__init__()
        wide = factor * inputs
        path = [*conv_norm(inputs, wide, 1), nn.ReLU6()] if factor != 1 else []
        path += [*conv_norm(wide, wide, 3, stride=stride, padding=1, groups=wide), nn.ReLU6()]
        self.path = nn.Sequential(*path, *conv_norm(wide, outputs, 1))
        self.skips = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.path(x)
        return x + y if self.skips else y


MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion t, channels c, repetitions n and stride s of each row of the paper's table 2."""


def mobilenet_v2() -> nn.Module:
    """Width 1, input 224; all channels are multiples of 8 already, so that no rounding takes place."""
    layers, channels = [*conv_norm(3, 32, 3, stride=2, padding=1), nn.ReLU6()], 32
    for factor, width, count, stride in MOBILENET_V2:
        for index in range(count):
            layers.append(Inverted(channels, width, factor, 1 if index else stride))
            channels = width
    layers += [*conv_norm(channels, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(1280, CLASSES))


# --- branches side by side: SqueezeNet, GoogLeNet


class Side(nn.Module):
    """Branches from one point, their channels joined in the order given."""

    def __init__(self, *branches: list[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*branch) for branch in branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def fire(inputs: int, squeeze: int, expand: int) -> list[nn.Module]:
    """1x1 to few channels, then as many of 1x1 as of 3x3 side by side (Iandola et al. 2016)."""
    sides = Side(conv_relu(squeeze, expand, 1), conv_relu(squeeze, expand, 3, padding=1))
    return [*conv_relu(inputs, squeeze, 1), sides]


def squeezenet() -> nn.Module:
    """SqueezeNet 1.1, of the authors' repository."""
    return nn.Sequential(
        *conv_relu(3, 64, 3, stride=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *fire(64, 16, 64),
        *fire(128, 16, 64),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *fire(128, 32, 128),
        *fire(256, 32, 128),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *fire(256, 48, 192),
        *fire(384, 48, 192),
        *fire(384, 64, 256),
        *fire(512, 64, 256),
        nn.Dropout(0.5),
        *conv_relu(512, CLASSES, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def inception(inputs: int, one: int, thin3: int, three: int, thin5: int, five: int, pooled: int) -> Side:
    """1x1, 1x1 and 3x3, 1x1 and 5x5, pooling and 1x1 (Szegedy et al. 2014, table 1: a row's numbers in order)."""
    return Side(
        conv_relu(inputs, one, 1),
        [*conv_relu(inputs, thin3, 1), *conv_relu(thin3, three, 3, padding=1)],
        [*conv_relu(inputs, thin5, 1), *conv_relu(thin5, five, 5, padding=2)],
        [nn.MaxPool2d(3, 1, padding=1), *conv_relu(inputs, pooled, 1)],
    )


def auxiliary(inputs: int) -> nn.Module:
    """A classifier on the side of GoogLeNet, for training only."""
    return nn.Sequential(
        nn.AvgPool2d(5, 3, ceil_mode=True),
        *conv_relu(inputs, 128, 1),
        nn.Flatten(),
        nn.Linear(128 * 4 * 4, 1024),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(1024, CLASSES),
    )


class GoogLeNet(nn.Module):
    """Szegedy et al. 2014, as Caffe's `bvlc_googlenet` has it: biases, no batch normalisation, pooling rounds up."""

    def __init__(self, heads: bool) -> None:
        super().__init__()
        self.to_4a = nn.Sequential(
            *conv_relu(3, 64, 7, stride=2, padding=3),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            response_norm(),
            *conv_relu(64, 64, 1),
            *conv_relu(64, 192, 3, padding=1),
            response_norm(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            inception(192, 64, 96, 128, 16, 32, 32),
            inception(256, 128, 128, 192, 32, 96, 64),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            inception(480, 192, 96, 208, 16, 48, 64),
        )
        self.first = auxiliary(512) if heads else None
        self.to_4d = nn.Sequential(
            inception(512, 160, 112, 224, 24, 64, 64),
            inception(512, 128, 128, 256, 24, 64, 64),
            inception(512, 112, 144, 288, 32, 64, 64),
        )
        self.second = auxiliary(528) if heads else None
        self.to_end = nn.Sequential(
            inception(528, 256, 160, 320, 32, 128, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            inception(832, 256, 160, 320, 32, 128, 128),
            inception(832, 384, 192, 384, 48, 128, 128),
            nn.AvgPool2d(7, 1),
            nn.Dropout(0.4),
            nn.Flatten(),
            nn.Linear(1024, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        after_4a = self.to_4a(x)
        after_4d = self.to_4d(after_4a)
        main: Tensor = self.to_end(after_4d)
        if self.first is None or self.second is None:
            return main
        return main, self.first(after_4a), self.second(after_4d)


def googlenet() -> nn.Module:
    """The main path alone, as it predicts."""
    return GoogLeNet(heads=False)


def googlenet_aux() -> nn.Module:
    """With both auxiliary classifiers, as it trains: returns the main logits, those after 4a, those after 4d."""
    return GoogLeNet(heads=True)
