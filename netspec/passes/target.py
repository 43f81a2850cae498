"""Check that an output is what a target will be compared with, as far as the line `data` tells."""

from __future__ import annotations

from netspec.diagnostics import Edit, Fix, Label
from netspec.ir.net import Net
from netspec.ir.training import Aim, Reader, Training
from netspec.passes.context import Context
from netspec.passes.fields import Roles
from netspec.passes.objective import target_shape


def check_target(
    context: Context, net: Net, reader: Reader, aim: Aim, training: Training, roles: Roles
) -> None:
    """A target has the sizes of its output, and the arguments of the reader fit what is fed back; reports N404."""
    found = reader.misfit(net.inputs[0].shape, target_shape(aim), bool(roles.fed))
    if found is None or aim.targets == "nothing":
        return
    line = training.spans["data"]
    feed = net.generation.spans.get("feed") if net.generation and found.fed else None
    place = training.place("data", found.argument) or line
    labels = [Label(place)]
    fixes = [Fix((Edit(place, ""),), f"without `{place.text}`")] if place != line else []
    if aim.output.origin and place == line:
        statement = aim.output.origin.statement
        labels.append(Label(statement, f"gives {aim.output.shape}"))
        fixes = [Fix((Edit(statement, text),), f"`{text}`") for text in found.instead]
    if feed:
        labels.append(Label(feed))
    because, notes = found.because, found.notes
    context.diagnostics.report(
        "N404", found.message, *labels, because=because, notes=notes, fixes=tuple(fixes)
    )
