"""ONNX models run: by onnxruntime where it is installed, else by the evaluator that comes with onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from netspec.backends import Arrays, as_given, as_tuple, channels_first, channels_last
from netspec.backends.onnx.export import model
from netspec.ir.net import Net

Array = np.ndarray[Any, np.dtype[Any]]
UNSOUND: Final = ("FuseReluClip",)
"""What onnxruntime makes of a `Relu` before a `Clip` raises where they are of float64 (1.32)."""


class Session:
    """A model ready to be run, in float32 unless another type is asked for; raises N601 where it cannot be made."""

    def __init__(self, net: Net, parameters: Mapping[str, Array], dtype: str = "float32") -> None:
        self.net, self.dtype = net, dtype
        made = model(net, parameters, dtype)
        if find_spec("onnxruntime"):
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4  # what it cannot do, it raises
            providers = ["CPUExecutionProvider"]
            session = onnxruntime.InferenceSession(
                made.SerializeToString(), options, providers=providers, disabled_optimizers=UNSOUND
            )
        else:
            from onnx.reference import ReferenceEvaluator

            session = ReferenceEvaluator(made)
        self._run: Any = session.run

    def predict(self, inputs: Arrays) -> Arrays:
        """The outputs for a batch, both as the spec writes shapes (see `Program.predict`)."""
        given = {
            layer.name: array if layer.shape.of is not None else array.astype(self.dtype)
            for layer, array in zip(self.net.inputs, map(channels_first, as_tuple(inputs)), strict=True)
        }
        return as_given([channels_last(each) for each in self._run(None, given)])


def predict(net: Net, parameters: Mapping[str, Array], inputs: Arrays) -> Arrays:
    """The outputs for a batch in float32, both as the spec writes shapes (see `Program.predict`); raises N601."""
    return Session(net, parameters).predict(inputs)


def predict_closely(
    net: Net, parameters: Mapping[str, Array], batches: Sequence[Arrays]
) -> tuple[str, list[Arrays]]:
    """The outputs for some batches in float64, or in float32 where what runs models lacks an operator in that type.

    Which of them comes first.  The attributes of operators, such as `epsilon`, are float32 in any case.  Raises N601.
    """
    try:
        session = Session(net, parameters, "float64")
        return session.dtype, [session.predict(inputs) for inputs in batches]
    except Exception as problem:  # the classes of onnxruntime's exceptions are no part of its interface
        if "NOT_IMPLEMENTED" not in str(problem) and "not support double" not in str(problem):
            raise
    session = Session(net, parameters)
    return session.dtype, [session.predict(inputs) for inputs in batches]
