"""Layers that change the shape, or nothing at all."""

from __future__ import annotations

import re

from netspec.backends.torch.code import Code, Site, call, rule, unless
from netspec.diagnostics import error
from netspec.ir.shape import Dim, Symbol
from netspec.ir.symbolic import Expression, symbols_of
from netspec.layers.reshape import Crop, Detach, Flatten, Identity, Pad, RepeatVector, Reshape


@rule(Flatten)
def flatten(site: Site[Flatten]) -> Code:
    """Channel by channel, as the arrays lie."""
    return call("{x}.flatten(1)")


@rule(Reshape)
def reshape(site: Site[Reshape]) -> Code:
    """Of channels-first arrays; a size that is known when the module runs comes from the input, the last such by -1."""
    dims = site.output.channels_first
    if site.output.is_known:
        return call(f"{{x}}.reshape(-1, {', '.join(map(str, dims))})")
    sizes = _sizes(site)
    texts = [str(dim) if isinstance(dim, int) else sizes.get(dim) for dim in dims]
    unknown = [axis for axis, text in enumerate(texts) if text is None] or [
        axis for axis, dim in enumerate(dims) if not isinstance(dim, int)
    ]
    if len(unknown) > 1 and None in texts:
        raise error(
            "N601", f"the sizes of `{site.operation.written()}` do not follow from its input {site.inputs[0]}"
        )
    texts[unknown[-1]] = "-1"
    return call(f"{{x}}.reshape({{x}}.shape[0], {', '.join(map(str, texts))})")


def _sizes(site: Site[Reshape]) -> dict[Dim, str]:
    """The symbolic sizes of the output that follow from the axes of the input, in Python."""
    axes = {dim: f"{{x}}.shape[{axis}]" for axis, dim in enumerate(site.inputs[0].channels_first, 1)}
    symbols: dict[str, str] = {}
    for dim, text in axes.items():
        for name in symbols_of(dim):
            beyond = dim - Symbol(name)
            if isinstance(beyond, int) and (beyond == 0 or name not in symbols):
                symbols[name] = f"({text} - {beyond})" if beyond else text
    found = dict(axes)
    for dim in site.output.dims:
        if isinstance(dim, Expression) and dim not in found and set(dim.symbols()) <= set(symbols):
            # the language writes arithmetic as Python does
            found[dim] = re.sub("[A-Z][A-Z0-9_]*", lambda name: symbols[name[0]], str(dim))
    return found


@rule(RepeatVector)
def repeat_vector(site: Site[RepeatVector]) -> Code:
    """Without copying."""
    return call(f"{{x}}[:, None].expand(-1, {site.operation.steps}, -1)")


@rule(Identity)
def identity(site: Site[Identity]) -> Code:
    """The input itself."""
    return call("{x}")


@rule(Detach)
def detach(site: Site[Detach]) -> Code:
    """`Tensor.detach`."""
    return call("{x}.detach()")


@rule(Crop)
def crop(site: Site[Crop]) -> Code:
    """A slice of height and width; of an image of any size the middle is found when the module runs."""
    top, left = site.operation.start(site.inputs[0])
    height, width = site.operation.size
    if not (isinstance(top, int) and isinstance(left, int)):
        middles = (
            f".narrow({axis}, ({{x}}.shape[{axis}] - {size}) // 2, {size})"
            for axis, size in ((-2, height), (-1, width))
        )
        return call(f"{{x}}{''.join(middles)}")
    return call(f"{{x}}[..., {top}:{top + height}, {left}:{left + width}]")


@rule(Pad)
def pad(site: Site[Pad]) -> Code:
    """`F.pad`, which counts sides from the last axis."""
    top, bottom, left, right = site.operation.sides
    options = unless("constant", mode=site.operation.mode) | unless(0, value=site.operation.value)
    texts = [
        "{x}",
        repr((left, right, top, bottom)),
        *(f"{name}={value!r}" for name, value in options.items()),
    ]
    return call(f"F.pad({', '.join(texts)})")
