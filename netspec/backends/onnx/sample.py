"""Layers whose output is drawn at random: at prediction they give the mean."""

from __future__ import annotations

from netspec.backends.onnx.code import Site, rule
from netspec.layers.sample import Sample


@rule(Sample)
def sample(site: Site[Sample]) -> None:
    """The mean: the input, or the first half of its channels."""
    if len(site.inputs) > 1:
        site.node("Identity", [site.x])
        return
    ends = [site.whole("start", 0), site.whole("end", site.output.features)]
    site.node("Slice", [site.x, *ends, site.whole("axis", site.channel_axis)])
