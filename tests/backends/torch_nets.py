"""Networks and their inputs for the tests of the PyTorch backend."""

import zlib
from textwrap import dedent
from typing import Any

import numpy as np

import netspec
from netspec.backends import as_given
from netspec.backends.torch.program import TorchProgram
from netspec.backends.torch.source import module_source
from netspec.ir.net import Net

NETS = {
    "lecture_cnn": """
        input 28x28x1
        conv 4 5x5 relu
        conv 8 5x5 stride2 batchnorm relu
        conv 12 4x4 stride2 relu
        dense 200 relu
        dropout 0.25
        softmax 10""",
    "class": """
        input of 9
        embed 4
        dense 3""",
    "words": """
        input words T of 80
        embed 8
        lstm 6 bidirectional
        gru 5 reverse
        batchnorm
        noise 0.1
        rnn 4 reverse bidirectional last
        sigmoid 1""",
    "grow": """
        input 5x7x2
        depthwise 4x3
        pool avg 2 stride1 same
        upconv 3 3x3 stride2 elu
        pool max 2x3 stride1 pad=0,1,1,1
        upconv 4 1x1 stride2
        pool max 3x3 stride2 same
        upsample 2 bilinear
        layernorm gelu
        identity
        global max""",
    "translate": """
        input source S of 9
        input target T of 9
        embed 6 from source as words
        lstm 6 bidirectional state as memory as read
        dense 6 from memory tanh as start
        embed 6 from target as said
        position
        attention 6 heads=2 causal as self
        add said; layernorm
        attention 6 heads=2 over read
        gru 6 init=start
        gru 6 reset=before
        dense 9 tied=words
        softmax""",
    "joins": """
        input 8x8x3
        conv 6 3x3 nobias batchnorm relu
        add:
            identity
            conv 6 3x3 batchnorm relu; conv 6 3x3 groups=2
        relu as block
        global
        dense 3 relu; dense 6 sigmoid
        mul block
        concat:
            conv 2 1x1 prelu
            pool 3 stride1 same; conv 2 1x1
        groupnorm 2
        global
        dense 4 as code
        dense 4 tied=code
        sample
        repeat_vector 3
        conv1d 4 2 causal; rmsnorm; gelu approximate
        last""",
    "names": """
        input 6x4
        dense 5 as forward; leaky_relu
        batchnorm as train
        lstm 3 last as logits
        dense 2 as lambda; softmax as _""",
}


def parse(text: str, name: str = "net") -> Net:
    return netspec.parse(dedent(text), name=name)


def compiled(net: Net | str, **options: object) -> TorchProgram:
    program = netspec.compile(parse(net) if isinstance(net, str) else net, "torch", device="cpu", **options)  # type: ignore[arg-type]
    assert isinstance(program, TorchProgram)
    return program


def inputs(net: Net, examples: int = 3, steps: int = 6) -> Any:
    """Examples as the spec writes them, a tuple for several inputs."""
    random = np.random.default_rng(zlib.crc32(module_source(net).encode()))
    found = []
    for shape in (layer.shape for layer in net.inputs):
        sizes = (examples, *(dim if isinstance(dim, int) else steps for dim in shape.dims))
        found.append(random.normal(size=sizes) if shape.of is None else random.integers(shape.of, size=sizes))
    return as_given(found)
