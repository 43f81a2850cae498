"""`snake` for the PyTorch backend: two lines of the generated module."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, rule
from netspec_plugin_example.snake import Snake


@rule(Snake)
def snake(site: Site[Snake]) -> Code:
    """The frequencies are a parameter of their own; PyTorch has no module for them."""
    shape = (-1, 1, 1) if site.channel_axis == 1 else (-1,)
    module = f"nn.ParameterDict({{'weight': torch.ones({site.channels})}})"
    frequency = f"a = {{module}}['weight'].reshape({shape})"
    return Code((frequency, "{y} = {x} + torch.sin(a * {x}) ** 2 / a"), module)
