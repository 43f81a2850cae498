"""Figures reported beside the loss."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.definition import word
from netspec.ir.training import Metric


@word("accuracy")
class Accuracy(Metric):
    """Share of examples whose most probable class (or yes/no at one half) is the right one."""

    higher_is_better: ClassVar[bool] = True


@word("mae")
class Mae(Metric):
    """Mean absolute error."""


@word("rmse")
class Rmse(Metric):
    """Root of the mean squared error."""
