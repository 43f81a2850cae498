"""ONNX models run: by onnxruntime where it is installed, else by the evaluator that comes with onnx."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from netspec.backends import Arrays, as_given, as_tuple, channels_first, channels_last
from netspec.backends.onnx.export import model
from netspec.ir.net import Net

Array = np.ndarray[Any, np.dtype[Any]]


def predict(net: Net, parameters: Mapping[str, Array], inputs: Arrays) -> Arrays:
    """The outputs for a batch in float32, both as the spec writes shapes (see `Program.predict`); raises N601."""
    made = model(net, parameters)
    names = [layer.name for layer in net.inputs]
    given = {
        name: array if layer.shape.of is not None else array.astype(np.float32)
        for name, layer, array in zip(names, net.inputs, map(channels_first, as_tuple(inputs)), strict=True)
    }
    if find_spec("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        found = session.run(None, given)
    else:
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(made).run(None, given)
    return as_given([channels_last(each) for each in found])
