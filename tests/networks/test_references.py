"""The reference networks are the published ones: parameters, shapes and multiply-adds, on PyTorch's meta device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .published import CONV, PUBLISHED, RESNET50_SHAPES, VGG16_SHAPES
from .reference_language import Attention, DecoderLayer, EncoderLayer
from .reference_vision import Residual

STEPS = {"S": 9, "T": 7}


def dimensions(shape: str) -> tuple[int, ...]:
    """`HxWxC` as PyTorch has it, C, H, W; symbols by `STEPS`."""
    sizes = tuple(STEPS[size] if size in STEPS else int(size) for size in shape.split("x"))
    return (sizes[2], sizes[0], sizes[1]) if len(sizes) == 3 else sizes


def example(shape: str) -> Tensor:
    """A batch of one of the shape as netspec writes it; `T of N` is integers."""
    size, _, integers = shape.partition(" of ")
    kind = torch.long if integers else torch.float32
    return torch.zeros(1, *dimensions(size), dtype=kind, device="meta")


def built(name: str) -> nn.Module:
    with torch.device("meta"):
        return PUBLISHED[name].build().eval()


def run(name: str, hook: Callable[[nn.Module, Any, Any], None] = lambda *_: None) -> tuple[Tensor, ...]:
    """Its outputs; `hook(module, inputs, output)` sees every module."""
    network = built(name)
    for module in network.modules():
        module.register_forward_hook(hook)
    result = network(*map(example, PUBLISHED[name].inputs))
    return result if isinstance(result, tuple) else (result,)


def sizes(network: nn.Module) -> list[int]:
    return [parameter.numel() for parameter in network.parameters() if parameter.requires_grad]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters(name: str) -> None:
    assert sum(sizes(built(name))) == PUBLISHED[name].parameters


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes(name: str) -> None:
    expected = [(1, *dimensions(shape)) for shape in PUBLISHED[name].outputs]
    assert [tuple(result.shape) for result in run(name)] == expected


@pytest.mark.parametrize("name", [name for name, each in PUBLISHED.items() if each.multiply_adds])
def test_multiply_adds(name: str) -> None:
    counted = {nn.Conv2d: 0, nn.Linear: 0}

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            positions = output.numel() // module.weight.shape[0]
            counted[type(module)] += positions * module.weight.numel()

    run(name, count)
    for figure in PUBLISHED[name].multiply_adds:
        found = counted[nn.Conv2d] if figure.convention == CONV else sum(counted.values())
        assert (abs(found - figure.value) <= figure.unit / 2) == figure.reproduced, (found, figure)
        assert figure.reproduced or figure.note


def test_layers_of_vgg16() -> None:
    seen: list[tuple[int, ...]] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.Linear):
            seen.append(tuple(output.shape[1:]))

    run("vgg16", look)
    assert seen == [dimensions(shape) for _, shape in VGG16_SHAPES]


def test_stages_of_resnet50() -> None:
    seen: list[tuple[int, ...]] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shape = tuple(output.shape[1:])
        first = isinstance(module, nn.Conv2d) and not seen
        another = isinstance(module, Residual) and seen[-1] != shape
        if first or another or isinstance(module, nn.MaxPool2d | nn.Flatten | nn.Linear):
            seen.append(shape)

    run("resnet50", look)
    assert seen == [dimensions(shape) for _, shape in RESNET50_SHAPES]


def test_stages_of_resnet50_come_as_often_as_the_table_says() -> None:
    widths = [
        each.path[-1].num_features for each in built("resnet50").modules() if isinstance(each, Residual)
    ]
    assert [widths.count(width) for width in (256, 512, 1024, 2048)] == [3, 4, 6, 3]


def copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    projections = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([each.weight for each in projections]))
        theirs.in_proj_bias.copy_(torch.cat([each.bias for each in projections]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())


def shaken(module: nn.Module) -> nn.Module:
    """Ready to predict, with normalisations that are not the identity."""
    for each in module.modules():
        if isinstance(each, nn.LayerNorm):
            nn.init.uniform_(each.weight, 0.5, 1.5)
            nn.init.normal_(each.bias)
    return module.eval()


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_pytorch(causal: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(12, 3, causal), nn.MultiheadAttention(12, 3, batch_first=True)
    copy_attention(ours, theirs)
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    torch.testing.assert_close(ours(x), theirs(x, x, x, attn_mask=mask)[0])
    if not causal:
        torch.testing.assert_close(ours(x, memory), theirs(x, memory, memory)[0])


def test_encoder_is_that_of_pytorch() -> None:
    torch.manual_seed(0)
    ours = shaken(EncoderLayer(12, 3, 20, nn.ReLU(), 1e-5))
    theirs = nn.TransformerEncoderLayer(12, 3, 20, batch_first=True).eval()
    copy_attention(ours.attention, theirs.self_attn)
    for mine, other in (
        (ours.norm1, theirs.norm1),
        (ours.feed_forward[0], theirs.linear1),
        (ours.feed_forward[2], theirs.linear2),
        (ours.norm2, theirs.norm2),
    ):
        other.load_state_dict(mine.state_dict())
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(ours(x), theirs(x))


def test_decoder_is_that_of_pytorch() -> None:
    torch.manual_seed(0)
    ours = shaken(DecoderLayer(12, 3, 20))
    theirs = nn.TransformerDecoderLayer(12, 3, 20, batch_first=True).eval()
    copy_attention(ours.attention, theirs.self_attn)
    copy_attention(ours.cross, theirs.multihead_attn)
    for mine, other in (
        (ours.norm1, theirs.norm1),
        (ours.norm2, theirs.norm2),
        (ours.feed_forward[0], theirs.linear1),
        (ours.feed_forward[2], theirs.linear2),
        (ours.norm3, theirs.norm3),
    ):
        other.load_state_dict(mine.state_dict())
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(x, memory), theirs(x, memory, tgt_mask=mask))
