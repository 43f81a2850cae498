"""Convolutions over time; ONNX wants the features in axis 1."""

from __future__ import annotations

from netspec.backends.onnx.code import Site, rule
from netspec.backends.onnx.conv import pads
from netspec.layers.conv1d import Conv1d


@rule(Conv1d)
def conv1d(site: Site[Conv1d]) -> None:
    """`Conv` between two turns."""
    operation = site.operation
    before, after = operation.ends(site.inputs[0])
    dilation = operation.dilation if operation.kernel > 1 else 1
    turned = site.moved(site.x, (0, 2, 1), "turned")
    made = site.node(
        "Conv",
        [turned, site.weight("weight"), *([site.weight("bias")] if operation.bias else [])],
        "steps",
        kernel_shape=[operation.kernel],
        strides=[operation.stride],
        dilations=[dilation],
        group=operation.groups,
        **pads((before, after), operation.written(), [(operation.kernel, operation.stride, dilation)]),
    )
    site.moved(made, (0, 2, 1))
