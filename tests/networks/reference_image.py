"""Networks that make images, written by hand from their papers: U-Net, and the two halves of DCGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .reference_vision import conv_relu


def _twice(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(*conv_relu(inputs, width, 3), *conv_relu(width, width, 3))


def cropped(image: Tensor, like: Tensor) -> Tensor:
    """The middle of an image, as large as another one."""
    top, left = (image.shape[-2] - like.shape[-2]) // 2, (image.shape[-1] - like.shape[-1]) // 2
    return image[..., top : top + like.shape[-2], left : left + like.shape[-1]]


class UNet(nn.Module):
    """Ronneberger, Fischer and Brox 2015, figure 1: convolutions without padding, skips cropped to fit.

    The skip's channels come first, as the figure draws them.  Returns the logits of the two classes of each pixel.
    """

    WIDTHS = (64, 128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            _twice(before, width) for before, width in zip((1, *self.WIDTHS), self.WIDTHS, strict=False)
        )
        self.bottom = nn.Sequential(*_twice(512, 1024), nn.Dropout(0.5))
        self.up = nn.ModuleList(
            nn.ModuleList([nn.ConvTranspose2d(2 * width, width, 2, stride=2), _twice(2 * width, width)])
            for width in reversed(self.WIDTHS)
        )
        self.head = nn.Conv2d(64, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for level in self.down:
            skips.append(level(x))
            x = nn.functional.max_pool2d(skips[-1], 2)
        x = self.bottom(x)
        for level in self.up:
            grow, convolve = level
            x = grow(x)
            x = convolve(torch.cat([cropped(skips.pop(), x), x], 1))
        return self.head(x)


def unet() -> nn.Module:
    """U-Net for cells: one channel in, two classes out."""
    return UNet()


def dcgan_generator() -> nn.Module:
    """Radford, Metz and Chintala 2015, figure 1 at half the width: 100 numbers to an image of 64x64x3 in [-1, 1]."""
    layers: list[nn.Module] = [nn.Unflatten(1, (100, 1, 1))]
    channels = 100
    for index, width in enumerate((512, 256, 128, 64)):
        stride, padding = (2, 1) if index else (1, 0)
        layers.append(nn.ConvTranspose2d(channels, width, 4, stride, padding, bias=False))
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator() -> nn.Module:
    """The other half: an image to one number, the logit of being real."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for width in (128, 256, 512):
        layers.append(nn.Conv2d(width // 2, width, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten())
