"""Which operators of ONNX are held against which layers: the families, the operators, and the adapter of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from netspec.backends.numpy.activation import SELU_ALPHA, SELU_SCALE

from . import entries, images, sequences, training
from .cases import Array, Node
from .layers import number

Adapter = Callable[[Node], list[Array | None]]


class Operator(NamedTuple):
    """An operator: ONNX's module of its cases, the adapter, and the results that its layer does not have."""

    module: str
    adapter: Adapter
    aside: tuple[str, ...] = ()


def momentum(node: Node) -> str:
    """At the first step, which all cases are at, beta counts as 1."""
    node.skip("beta")
    word = {"standard": "momentum", "nesterov": "nesterov"}[node.get("mode")]
    return f"{word} momentum={number(node.get('alpha'))}"


def adagrad(node: Node) -> str:
    return f"adagrad eps={number(node.get('epsilon'))}"


def adam(node: Node) -> str:
    names = {"beta1": "alpha", "beta2": "beta", "eps": "epsilon"}
    return "adam " + " ".join(f"{name}={number(node.get(attribute))}" for name, attribute in names.items())


FAMILIES: Final[dict[str, dict[str, Operator]]] = {
    "convolution": {
        "Conv": Operator("conv", images.conv),
        "ConvTranspose": Operator("convtranspose", images.conv_transpose),
    },
    "pooling": {
        "MaxPool": Operator("maxpool", images.pool("max"), ("Indices",)),
        "AveragePool": Operator("averagepool", images.pool("avg")),
        "GlobalMaxPool": Operator("globalmaxpool", images.global_pool("max")),
        "GlobalAveragePool": Operator("globalaveragepool", images.global_pool("avg")),
    },
    "resizing": {
        "Upsample": Operator("upsample", images.upsample),
        "Resize": Operator("resize", images.resize),
        "Pad": Operator("pad", images.pad),
    },
    "normalisation": {
        "BatchNormalization": Operator("batch_normalization", entries.batch_norm),
        "LayerNormalization": Operator(
            "layernormalization", entries.over_last_axes("layernorm"), ("Mean", "InvStdDev")
        ),
        "GroupNormalization": Operator("groupnormalization", entries.group_norm),
        "InstanceNormalization": Operator("instance_normalization", entries.instance_norm),
        "RMSNormalization": Operator("rmsnormalization", entries.over_last_axes("rmsnorm")),
        "LRN": Operator("lrn", entries.lrn),
    },
    "recurrent": {
        "RNN": Operator("rnn", sequences.recurrent("rnn")),
        "LSTM": Operator("lstm", sequences.recurrent("lstm")),
        "GRU": Operator("gru", sequences.recurrent("gru")),
    },
    "attention": {"Attention": Operator("attention", sequences.attention, ("qk_matmul_output",))},
    "dense": {
        "Gemm": Operator("gemm", entries.gemm),
        "MatMul": Operator("matmul", entries.matmul),
    },
    "activation": {
        "Relu": Operator("relu", entries.activation("relu")),
        "LeakyRelu": Operator("leakyrelu", entries.activation("leaky_relu", "alpha")),
        "PRelu": Operator("prelu", entries.prelu),
        "Elu": Operator("elu", entries.activation("elu", "alpha")),
        "Celu": Operator("celu", entries.activation("celu", "alpha")),
        "Selu": Operator("selu", entries.constant("selu", alpha=SELU_ALPHA, gamma=SELU_SCALE)),
        "Gelu": Operator("gelu", entries.gelu),
        "Sigmoid": Operator("sigmoid", entries.activation("sigmoid")),
        "HardSigmoid": Operator("hardsigmoid", entries.constant("hardsigmoid", alpha=1 / 6, beta=0.5)),
        "Tanh": Operator("tanh", entries.activation("tanh")),
        "Softplus": Operator("softplus", entries.activation("softplus")),
        "Softsign": Operator("softsign", entries.activation("softsign")),
        "Swish": Operator("swish", entries.constant("silu", alpha=1.0)),
        "HardSwish": Operator("hardswish", entries.activation("hardswish")),
        "Mish": Operator("mish", entries.activation("mish")),
        "ThresholdedRelu": Operator("thresholdedrelu", entries.unknown("the activation thresholded relu")),
        "Softmax": Operator("softmax", entries.softmax),
    },
    "dropout": {"Dropout": Operator("dropout", entries.dropout, ("mask",))},
    "joins": {
        "Add": Operator("add", entries.join("add")),
        "Sum": Operator("sum", entries.join("add")),
        "Mul": Operator("mul", entries.join("mul")),
        "Mean": Operator("mean", entries.join("mean")),
        "Concat": Operator("concat", entries.concat),
    },
    "shapes": {
        "Flatten": Operator("flatten", entries.flatten),
        "Reshape": Operator("reshape", entries.reshape),
        "Gather": Operator("gather", entries.gather),
    },
    "losses": {
        "SoftmaxCrossEntropyLoss": Operator("softmax_cross_entropy_loss", training.softmax_crossentropy),
        "NegativeLogLikelihoodLoss": Operator("negativeloglikelihoodloss", training.negative_log_likelihood),
    },
    "optimisers": {
        "Adam": Operator("adam", training.optimizer({"mean": "V", "square": "H"}, adam, corrected=True)),
        "Adagrad": Operator("adagrad", training.optimizer({"sum": "H"}, adagrad)),
        "Momentum": Operator("momentum", training.optimizer({"velocity": "V"}, momentum)),
    },
}
OPERATORS: Final = {name: operator for family in FAMILIES.values() for name, operator in family.items()}
