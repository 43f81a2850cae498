"""What the literature says about its networks: shapes, numbers of parameters, multiply-adds, each with its source.

Shapes are written as netspec writes them, H x W x C or T x N.  `TORCHVISION` and `CAFFE` are the conventions of
padding and pooling that the figures belong to: torchvision pads a 7x7 of stride 2 with 3 on every side, Caffe rounds
the size of a pooling up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from . import reference_image, reference_language, reference_vision

CONV_AND_DENSE = "multiply-adds of convolutions and dense layers, biases and everything else left out"
CONV = "multiply-adds of convolutions alone"

TORCHVISION = "torchvision, `num_params` of the weights' metadata"
TORCHVISION_OPS = "torchvision, GFLOPS of the weights' metadata (a multiply-add is one)"
CAFFE = "CNN-Workload by K. Abdelouahab, counted from Caffe's prototxt files"
RESNET_PAPER = "He et al. 2015, table 1: FLOPs, a multiply-add is one"


@dataclass(frozen=True)
class Figure:
    """A published number of multiply-adds: `value` was printed to the nearest `unit`.

    `reproduced` says that the reference network has as many under `convention`; where not, `note` says why.
    """

    value: int
    unit: int
    source: str
    convention: str = CONV_AND_DENSE
    reproduced: bool = True
    note: str = ""


@dataclass(frozen=True)
class Published:
    """A network: what builds the reference, the shapes it reads and gives, its trainable parameters and their source.

    `inputs` are in the order of the builder's `forward`, `outputs` in the order of what it returns.
    """

    build: Callable[[], nn.Module]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int
    source: str
    multiply_adds: tuple[Figure, ...] = ()


def _torchvision(millions: int) -> Figure:
    return Figure(millions * 10**6, 10**6, TORCHVISION_OPS)


def _paper(hundred_millions: int, reproduced: bool = True, note: str = "") -> Figure:
    return Figure(hundred_millions * 10**8, 10**8, RESNET_PAPER, CONV, reproduced, note)


STRIDE_IN_1X1 = (
    "the paper has the stride of a bottleneck in its first 1x1, torchvision in its 3x3, which costs more"
)

IMAGE = ("224x224x3",)
CLASSES = ("1000",)

PUBLISHED: dict[str, Published] = {
    "alexnet": Published(
        reference_vision.alexnet, IMAGE, CLASSES, 61_100_840, TORCHVISION, (_torchvision(714),)
    ),
    "alexnet_grouped": Published(
        reference_vision.alexnet_grouped,
        ("227x227x3",),
        CLASSES,
        60_965_224,
        "the size of Caffe's bvlc_alexnet; the paper says 60 million (Krizhevsky et al. 2012)",
        (
            Figure(724_000_000, 10**6, CAFFE),
            Figure(666_000_000, 10**6, "Chen et al. 2016 (Eyeriss), at 227x227", CONV),
        ),
    ),
    "vgg16": Published(
        reference_vision.vgg16,
        IMAGE,
        CLASSES,
        138_357_544,
        f"{TORCHVISION}; the paper says 138 million (Simonyan and Zisserman 2014, table 2)",
        (
            Figure(15_470_000_000, 10**7, TORCHVISION_OPS),
            Figure(15_300_000_000, 10**8, "He et al. 2015, section 4.1; Chen et al. 2016 (Eyeriss)", CONV),
        ),
    ),
    "vgg19": Published(
        reference_vision.vgg19,
        IMAGE,
        CLASSES,
        143_667_240,
        f"{TORCHVISION}; the paper says 144 million (Simonyan and Zisserman 2014, table 2)",
        (
            _torchvision(19_632),
            Figure(19_600_000_000, 10**8, "He et al. 2015, section 3.3"),
        ),
    ),
    "resnet18": Published(
        reference_vision.resnet18,
        IMAGE,
        CLASSES,
        11_689_512,
        TORCHVISION,
        (_torchvision(1_814), _paper(18)),
    ),
    "resnet50": Published(
        reference_vision.resnet50,
        IMAGE,
        CLASSES,
        25_557_032,
        TORCHVISION,
        (_torchvision(4_089), _paper(38, False, STRIDE_IN_1X1)),
    ),
    "resnet152": Published(
        reference_vision.resnet152,
        IMAGE,
        CLASSES,
        60_192_808,
        TORCHVISION,
        (_torchvision(11_514), _paper(113, False, STRIDE_IN_1X1)),
    ),
    "googlenet": Published(
        reference_vision.googlenet,
        IMAGE,
        CLASSES,
        6_998_552,
        "the size of Caffe's bvlc_googlenet as deployed; CNN-Workload says 6.99 million",
        (
            Figure(1_580_000_000, 10**7, CAFFE),
            Figure(
                1_500_000_000,
                10**8,
                "Szegedy et al. 2014, section 1",
                reproduced=False,
                note="a budget that the design was meant to keep, not a count",
            ),
            Figure(
                1_498_000_000,
                10**6,
                TORCHVISION_OPS,
                reproduced=False,
                note="torchvision has 3x3 in place of 5x5, and batch normalisation in place of biases",
            ),
        ),
    ),
    "googlenet_aux": Published(
        reference_vision.googlenet_aux,
        IMAGE,
        CLASSES * 3,
        13_378_280,
        "the size of Caffe's bvlc_googlenet as trained, with both auxiliary classifiers",
    ),
    "densenet121": Published(
        reference_vision.densenet121, IMAGE, CLASSES, 7_978_856, TORCHVISION, (_torchvision(2_834),)
    ),
    "mobilenet_v2": Published(
        reference_vision.mobilenet_v2,
        IMAGE,
        CLASSES,
        3_504_872,
        f"{TORCHVISION}; the paper says 3.4 million (Sandler et al. 2018, table 4)",
        (_torchvision(301), Figure(300_000_000, 10**7, "Sandler et al. 2018, table 4: MAdds")),
    ),
    "squeezenet": Published(
        reference_vision.squeezenet,
        IMAGE,
        CLASSES,
        1_235_496,
        f"{TORCHVISION} (version 1.1)",
        (_torchvision(349),),
    ),
    "unet": Published(
        reference_image.unet,
        ("572x572x1",),
        ("388x388x2",),
        31_030_658,
        "counted from figure 1 of Ronneberger et al. 2015, which gives shapes but no number",
    ),
    "dcgan_generator": Published(
        reference_image.dcgan_generator,
        ("100",),
        ("64x64x3",),
        3_576_704,
        "the size of the PyTorch example `dcgan` (nz=100, ngf=64), half as wide as Radford et al. 2015",
    ),
    "dcgan_discriminator": Published(
        reference_image.dcgan_discriminator,
        ("64x64x3",),
        ("1",),
        2_765_568,
        "the size of the PyTorch example `dcgan` (ndf=64)",
    ),
    "transformer": Published(
        reference_language.transformer,
        ("S of 37000", "T of 37000"),
        ("Tx37000",),
        63_082_496,
        "counted from Vaswani et al. 2017: 18,944,000 of 37,000 embeddings shared by source, target and output, "
        "6 * 3,152,384 of the encoder, 6 * 4,204,032 of the decoder, a bias in each of attention's four layers "
        "(63,045,632 without); the paper says 65 million, and 'about' 37,000 words: the 1.9 million between "
        "them are 3,745 embeddings",
    ),
    "gpt2": Published(
        reference_language.gpt2,
        ("T of 50257",),
        ("Tx50257",),
        124_439_808,
        "the size of the released weights; Radford et al. 2019, table 2, says 117 million, which the authors' "
        "repository corrects to 124",
    ),
    "bert": Published(
        reference_language.bert,
        ("T of 30522", "T of 2"),
        ("768",),
        109_482_240,
        "the size of `BertModel` with the weights bert-base-uncased; Devlin et al. 2018 says 110 million",
    ),
}

VGG16_SHAPES: tuple[tuple[str, str], ...] = (
    ("conv1_1", "224x224x64"),
    ("conv1_2", "224x224x64"),
    ("pool1", "112x112x64"),
    ("conv2_1", "112x112x128"),
    ("conv2_2", "112x112x128"),
    ("pool2", "56x56x128"),
    ("conv3_1", "56x56x256"),
    ("conv3_2", "56x56x256"),
    ("conv3_3", "56x56x256"),
    ("pool3", "28x28x256"),
    ("conv4_1", "28x28x512"),
    ("conv4_2", "28x28x512"),
    ("conv4_3", "28x28x512"),
    ("pool4", "14x14x512"),
    ("conv5_1", "14x14x512"),
    ("conv5_2", "14x14x512"),
    ("conv5_3", "14x14x512"),
    ("pool5", "7x7x512"),
    ("fc6", "4096"),
    ("fc7", "4096"),
    ("fc8", "1000"),
)
"""The result of every layer of configuration D (Simonyan and Zisserman 2014, table 1), names as in the Caffe model."""

RESNET50_SHAPES: tuple[tuple[str, str], ...] = (
    ("conv1", "112x112x64"),
    ("pool1", "56x56x64"),
    ("conv2_x", "56x56x256"),
    ("conv3_x", "28x28x512"),
    ("conv4_x", "14x14x1024"),
    ("conv5_x", "7x7x2048"),
    ("average pool", "2048"),
    ("fc", "1000"),
)
"""The result of every stage of ResNet-50 (He et al. 2015, table 1)."""
