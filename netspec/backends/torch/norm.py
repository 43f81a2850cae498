"""Normalisation."""

from __future__ import annotations

from typing import Any, Final

from netspec.backends.torch.code import Code, Site, call, construct, rule, unless
from netspec.backends.torch.lengths import ENDS, THERE
from netspec.layers.norm import Batchnorm, Groupnorm, Layernorm, Lrn, Rmsnorm

RAGGED_BATCHNORM: Final = '''\
class Ragged{name}(nn.{steps}):
    """Batch normalisation of sequences (N, T, ...) over the steps that are there; the others become 0."""

    def forward(self, x, lengths):
        inside = there(x, lengths)
        normal = super().forward(x[inside])
        y = normal.new_zeros(x.shape)
        y[inside] = normal
        return y'''

FLAT: Final = {
    3: "{module}({x}.flatten(2)).view_as({x})",
    4: "{module}({x}.transpose(1, 2).flatten(2)).view_as({x}.transpose(1, 2)).transpose(1, 2)",
}
RAGGED_FLAT: Final = "{module}({x}.flatten(3), {x1}).view_as({x})"
"""An image, or a sequence of them, as a row of pixels a channel."""


@rule(Batchnorm)
def batchnorm(site: Site[Batchnorm]) -> Code:
    """`nn.BatchNorm1d`, `2d` or `3d`, the channels moved to axis 1, where PyTorch wants them."""
    operation, ragged = site.operation, site.operation.lengths is not None
    mixed = len(site.ranks) > 1
    name = f"BatchNorm{1 if mixed else max(site.rank - 1, 1)}d"
    module = construct(
        f"Ragged{name}" if ragged else f"nn.{name}",
        site.channels,
        **unless(1e-5, eps=operation.eps),
        **unless(0.1, momentum=operation.momentum),
        **unless(True, affine=operation.affine),
    )
    if ragged:
        steps = f"BatchNorm{1 if mixed else max(site.rank - 2, 1)}d"
        support = (ENDS, THERE, RAGGED_BATCHNORM.format(name=name, steps=steps))
        flat = mixed and site.rank == 4
        return call(RAGGED_FLAT if flat else "{module}({x}, {x1})", module, support=support)
    if mixed and site.rank in FLAT:
        return call(FLAT[site.rank], module)
    if site.rank in (1, 3):
        return call("{module}({x})", module, follows=True, overwritable=True)
    return call("{module}({x}.transpose(1, 2)).transpose(1, 2)", module)


@rule(Groupnorm)
def groupnorm(site: Site[Groupnorm]) -> Code:
    """`nn.GroupNorm`, the channels moved to axis 1, where PyTorch wants them.

    Images and sequences of them go through it flat: of what PyTorch takes for channels last, gradients that depthwise
    convolutions hand on among it, its backward pass ends the process (2.13).
    """
    operation = site.operation
    module = construct(
        "nn.GroupNorm",
        operation.groups,
        site.channels,
        **unless(1e-5, eps=operation.eps),
        **unless(True, affine=operation.affine),
    )
    if site.rank in FLAT:
        return call(FLAT[site.rank], module)
    if site.rank == 1:
        return call("{module}({x})", module, follows=True, overwritable=True)
    return call("{module}({x}.transpose(1, 2)).transpose(1, 2)", module)


@rule(Layernorm)
def layernorm(site: Site[Layernorm]) -> Code:
    """`nn.LayerNorm`."""
    return _last_axis(site, "nn.LayerNorm", "F.layer_norm", unless(1e-5, eps=site.operation.eps))


@rule(Rmsnorm)
def rmsnorm(site: Site[Rmsnorm]) -> Code:
    """`nn.RMSNorm`, whose own `eps` depends on the type."""
    return _last_axis(site, "nn.RMSNorm", "F.rms_norm", {"eps": site.operation.eps})


@rule(Lrn)
def lrn(site: Site[Lrn]) -> Code:
    """`F.local_response_norm`."""
    operation = site.operation
    options = unless(1e-4, alpha=operation.alpha) | unless(0.75, beta=operation.beta)
    options |= unless(1.0, k=operation.k)
    return call(construct("F.local_response_norm", "{x}", operation.size, **options).replace("'", ""))


def _last_axis(site: Site[Any], constructor: str, function: str, options: dict[str, object]) -> Code:
    """A norm of the channels, those of an image moved to the last axis, where PyTorch wants them.

    Of features whose number is symbolic, which have no scale, by the function, as a module wants to know how many.
    """
    axis = site.channel_axis
    if not isinstance(site.inputs[0].dims[-1], int):
        return call(construct(function, "{x}", "{x}.shape[-1:]", **options).replace("'", ""))
    affine = unless(True, elementwise_affine=site.operation.affine)
    module = construct(constructor, site.channels, **options, **affine)
    if axis == -1:
        return call("{module}({x})", module, follows=True)
    return call(f"{{module}}({{x}}.movedim({axis}, -1)).movedim(-1, {axis})", module)
