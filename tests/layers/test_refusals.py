"""What layers refuse: every `Problem` that a definition raises by itself, in its exact words."""

import pytest

from netspec.ir.catalog import find
from netspec.ir.layer import Operation, Problem
from netspec.ir.shape import Shape, Symbol


def made(word: str, **arguments: object) -> Operation:
    definition = find("layer", word)
    assert definition is not None and issubclass(definition, Operation)
    return definition(**arguments)


def shape(text: str) -> Shape:
    dims, _, of = text.partition(" of ")
    sizes = tuple(int(dim) if dim.isdigit() else Symbol(dim) for dim in dims.split("x"))
    return Shape(sizes, int(of) if of else None)


REFUSED: list[tuple[str, dict[str, object], str, str, str]] = [
    ("add", {}, "5x4", "N103", "`add` joins two layers or more, and reads one"),
    ("mean", {}, "6 and 6 of 9", "N206", "`mean` reads numbers, not integers 6 of 9"),
    (
        "add",
        {},
        "28x28x64 and 14x14x64",
        "N204",
        "28x28x64 and 14x14x64 cannot be added: height 28 and 14, width 28 and 14",
    ),
    ("add", {}, "28x28x64 and 32", "N204", "28x28x64 and 32 cannot be added: channels 64 and 32"),
    ("mul", {}, "32 and 28x28x64", "N204", "32 and 28x28x64 cannot be multiplied: channels 32 and 64"),
    ("mul", {}, "5x4 and 5x3", "N204", "5x4 and 5x3 cannot be multiplied: features 4 and 3"),
    ("add", {}, "6 and 7", "N204", "6 and 7 cannot be added: size 6 and 7"),
    ("mean", {}, "5x4 and 4", "N204", "5x4 and 4 cannot be averaged: a sequence and a vector"),
    ("add", {}, "5x4 and 5x4x1", "N204", "5x4 and 5x4x1 cannot be added: a sequence and an image"),
    ("concat", {}, "5x4 and 6x3", "N204", "5x4 and 6x3 cannot be concatenated: steps 5 and 6"),
    ("concat", {}, "4x4x2 and 32", "N204", "4x4x2 and 32 cannot be concatenated: an image and a vector"),
    (
        "pool",
        {"kernel": (2, 2), "counted": True},
        "4x4x2",
        "N105",
        "`counted` is of a mean, and `pool max` takes none",
    ),
    (
        "pad",
        {"around": 1, "mode": "reflect", "value": 2.0},
        "4x4x2",
        "N105",
        "`value` belongs to `constant`: `reflect` takes pixels of the image",
    ),
    (
        "pad",
        {"around": 0, "left": 3, "mode": "reflect"},
        "5x3x2",
        "N203",
        "there are not so many pixels to mirror",
    ),
    (
        "pad",
        {"around": 1, "bottom": 6, "mode": "circular"},
        "5x3x2",
        "N203",
        "there are not so many pixels to go on with",
    ),
    ("groupnorm", {"groups": 4}, "3x3x6", "N205", "6 channels cannot be divided into 4 groups"),
    (
        "batchnorm",
        {"lengths": "counts"},
        "6x6x2 and 1 of 7",
        "N105",
        "`lengths` is of sequences, and this `batchnorm` reads an image 6x6x2",
    ),
    (
        "lstm",
        {"units": 4, "lengths": "counts"},
        "6x2 and 2 of 7",
        "N206",
        "`lengths` is one whole number for each example, not integers 2 of 7",
    ),
    (
        "attention",
        {"features": 4, "lengths": "counts"},
        "6x2 and 1",
        "N206",
        "`lengths` is one whole number for each example, not a vector 1",
    ),
    (
        "lengths",
        {"steps": (Symbol("T") + Symbol("S"),)},
        "1 of 7",
        "N105",
        "`lengths` is arithmetic with one symbol, which stands for the number that is read",
    ),
    (
        "lengths",
        {"steps": (Symbol("T") // 2,)},
        "3 of 7",
        "N206",
        "`lengths` reads one whole number for each example, not integers 3 of 7",
    ),
    (
        "conv1d",
        {"features": 4, "kernel": 3, "groups": 4},
        "9x6",
        "N205",
        "6 input features cannot be divided into 4 groups",
    ),
    (
        "conv1d",
        {"features": 5, "kernel": 3, "groups": 3},
        "9x6",
        "N205",
        "5 kernels cannot be divided into 3 groups",
    ),
    (
        "conv1d",
        {"features": 5, "kernel": 4, "pad": "valid", "dilation": 2},
        "6x3",
        "N203",
        "the kernel is larger than its input",
    ),
    ("sample", {}, "7", "N205", "7 numbers cannot be divided into means and as many log-variances"),
    (
        "sample",
        {"log_variance": "spread"},
        "6 and 5",
        "N204",
        "`sample` reads means 6 and variances 5, which must have one shape",
    ),
    ("attention", {"features": 10, "heads": 4}, "5x8", "N205", "10 features cannot be divided into 4 heads"),
    (
        "attention",
        {"features": 8, "over": "memory"},
        "5x8 and 7",
        "N202",
        "`over` reads a sequence (TxN), not a vector 7",
    ),
    (
        "lstm",
        {"units": 8, "init": "start"},
        "5x4 and 8",
        "N204",
        "the state of this `lstm` is a vector 16, and `init` is a vector 8",
    ),
    (
        "gru",
        {"units": 8, "init": "start", "bidirectional": True},
        "5x4 and 3x16",
        "N204",
        "the state of this `gru` is a vector 16, and `init` is a sequence 3x16",
    ),
    (
        "position",
        {"max": 9},
        "5x4",
        "N105",
        "a number belongs to `position learned`: sines have no longest sequence",
    ),
    (
        "position",
        {"kind": "learned"},
        "Tx4",
        "N103",
        "`position learned` needs a number of steps where the length T is a symbol",
    ),
    (
        "position",
        {"kind": "learned", "max": 4},
        "5x4",
        "N204",
        "the sequence has 5 steps, and `position` learns 4",
    ),
]


@pytest.mark.parametrize(("word", "arguments", "inputs", "code", "message"), REFUSED)
def test_refusal(word: str, arguments: dict[str, object], inputs: str, code: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        made(word, **arguments).result([shape(each) for each in inputs.split(" and ")])
    assert (caught.value.code, caught.value.message) == (code, message)
