"""Losses: the mean over the examples of a batch (and over steps and entries where there are several)."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import word
from netspec.ir.training import Loss


@word("crossentropy")
class Crossentropy(Loss):
    """Of classes that exclude one another: -log of the probability of the right one."""

    fuses: ClassVar[str] = "softmax"
    targets: ClassVar[str] = "classes"


@word("bce")
class Bce(Loss):
    """Binary cross-entropy, of yes and no: -(y log p + (1 - y) log(1 - p))."""

    fuses: ClassVar[str] = "sigmoid"
    targets: ClassVar[str] = "answers"


@word("mse")
class Mse(Loss):
    """The mean squared error: (output - target)^2."""
