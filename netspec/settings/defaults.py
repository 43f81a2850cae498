"""What holds where `train:` is silent; loss and metric follow from the output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netspec.ir.definition import Definition
from netspec.settings.optimizer import Adam
from netspec.settings.plain import Batch, Epochs, Seed
from netspec.settings.schedule import Constant

DEFAULTS: Final[Mapping[str, Definition]] = {
    "optimizer": Adam(),
    "schedule": Constant(),
    "batch": Batch(32),
    "epochs": Epochs(10),
    "seed": Seed(0),
}
