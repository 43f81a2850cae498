"""NumPy's layers of images against calls of PyTorch written by hand: convolution, resizing, pooling."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.backends.one_layer import Layer

# --- convolution


@pytest.mark.parametrize(
    "text", ["conv 6 3x2 stride2 dilation=2x1 groups=2 pad=1,2,0,1", "depthwise 3x2 pad=1,2,0,1"]
)
def test_conv(text: str) -> None:
    options = {"stride": 2, "dilation": (2, 1), "groups": 2} if text.startswith("conv") else {"groups": 4}
    layer = Layer(f"input 8x7x4\n{text}")
    layer.agrees(lambda x, weight, bias: F.conv2d(F.pad(x, (0, 1, 1, 2)), weight, bias, **options))


def test_same_padding_puts_the_odd_row_after() -> None:
    layer = Layer("input 8x7x2\nconv 3 4x5 stride2")
    layer.agrees(lambda x, weight, bias: F.conv2d(F.pad(x, (2, 2, 1, 1)), weight, bias, stride=2))
    layer = Layer("input 7x7x2\nconv 3 4x2")
    layer.agrees(lambda x, weight, bias: F.conv2d(F.pad(x, (0, 1, 1, 2)), weight, bias))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("upconv 4 3x2 stride=2x3 valid", {"stride": (2, 3)}),
        ("upconv 4 4x4 stride2", {"stride": 2, "padding": 1}),
        ("upconv 4 3x3 stride2 pad=1,0,1,0", {"stride": 2, "padding": 1, "output_padding": 1}),
        (
            "upconv 4 3x3 stride2 dilation2 groups=2 pad=1",
            {"stride": 2, "dilation": 2, "groups": 2, "padding": 1},
        ),
        ("upconv 4 1x1 stride2", {"stride": 2, "output_padding": 1}),  # the last row and column: bias alone
    ],
)
def test_upconv(text: str, options: dict[str, int]) -> None:
    layer = Layer(f"input 4x3x2\n{text}")
    layer.agrees(lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, **options))


def test_upconv_of_unequal_sides_is_the_full_result_cut() -> None:
    layer = Layer("input 4x3x2\nupconv 3 4x3 stride2 pad=2,1,0,2")
    layer.agrees(lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, stride=2)[:, :, 2:-1, :-2])


@pytest.mark.parametrize("size", ["1x1", "3x4", "2x1"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("factor", [(2, 2), (3, 5), (1, 4)])
def test_upsample(size: str, mode: str, factor: tuple[int, int]) -> None:
    options = {"align_corners": False} if mode == "bilinear" else {}
    layer = Layer(f"input {size}x2\nupsample {factor[0]}x{factor[1]} {mode}")
    layer.agrees(lambda x: F.interpolate(x, scale_factor=factor, mode=mode, **options))


@pytest.mark.parametrize(
    ("text", "sides", "options"),
    [
        ("2", (2, 2, 2, 2), {}),
        ("0 top=1 right=3 value=-1.5", (0, 3, 1, 0), {"value": -1.5}),
        ("3 left=1 bottom=0 reflect", (1, 3, 3, 0), {"mode": "reflect"}),
        ("7 top=0 replicate", (7, 7, 0, 7), {"mode": "replicate"}),
        ("4 right=5 circular", (4, 5, 4, 4), {"mode": "circular"}),
    ],
)
def test_pad(text: str, sides: tuple[int, ...], options: dict[str, str | float]) -> None:
    Layer(f"input 4x5x2\npad {text}").agrees(lambda x: F.pad(x, sides, **options))


# --- pooling


POOLS = [
    ("3x2 stride=2x1", {"kernel_size": (3, 2), "stride": (2, 1)}),
    ("3 stride2 pad=1", {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("3 stride2 pad=1 ceil", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("2 stride3 ceil", {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
    ("4 ceil", {"kernel_size": 4, "ceil_mode": True}),
]


@pytest.mark.parametrize(("text", "options"), POOLS)
def test_max_pool_with_ties(text: str, options: dict[str, int]) -> None:
    """Entries are few different numbers: which of several maxima gets the gradient is seen."""
    layer = Layer(f"input 8x7x2\npool max {text}")
    layer.x = np.random.default_rng(0).integers(-2, 1, layer.x.shape).astype(float)
    layer.agrees(lambda x: F.max_pool2d(x, **options))


@pytest.mark.parametrize(("text", "options"), POOLS)
def test_average_pool(text: str, options: dict[str, int]) -> None:
    layer = Layer(f"input 8x7x2\npool avg {text}")
    layer.agrees(lambda x: F.avg_pool2d(x, count_include_pad=False, **options))
    layer = Layer(f"input 8x7x2\npool avg {text} counted")
    layer.agrees(lambda x: F.avg_pool2d(x, **options))


def test_unequal_padding_of_pools() -> None:
    sides = (0, 1, 1, 0)
    layer = Layer("input 4x4x2\npool max 2 stride1 pad=1,0,0,1")
    layer.x -= 10  # padding of zeros would win
    layer.agrees(lambda x: F.max_pool2d(F.pad(x, sides, value=-torch.inf), 2, stride=1))
    layer = Layer("input 4x4x2\npool avg 2 stride1 pad=1,0,0,1")

    def mean(x: Tensor) -> Tensor:
        share = F.avg_pool2d(F.pad(torch.ones_like(x), sides), 2, stride=1)
        return F.avg_pool2d(F.pad(x, sides), 2, stride=1) / share

    layer.agrees(mean)
    layer = Layer("input 4x4x2\npool avg 2 stride1 pad=1,0,0,1 counted")
    layer.agrees(lambda x: F.avg_pool2d(F.pad(x, sides), 2, stride=1))


def test_global() -> None:
    Layer("input 4x3x2\nglobal max").agrees(lambda x: F.adaptive_max_pool2d(x, 1).flatten(1))
    Layer("input 4x3x2\nglobal avg").agrees(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1))
    Layer("input 5x3\nglobal max").agrees(lambda x: x.max(dim=1).values)
    Layer("input 5x3\nglobal avg").agrees(lambda x: x.mean(dim=1))
