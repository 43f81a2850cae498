"""What is put behind a layer to see the gradient of its result.  It is no word of the language."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import word
from netspec.ir.layer import Constant, Operation, Param, ReadBack, Shapes
from netspec.ir.shape import Shape


@word("probe")
class Probe(Operation):
    """Adds a number of its own, at first 0, to each of an example's: its gradient is that of what it is added to."""

    hands_back: ClassVar[bool] = True

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        return (Param("weight", Shape(inputs[0].channels_first).known, Constant(0.0)),)
