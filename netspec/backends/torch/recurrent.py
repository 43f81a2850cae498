"""Recurrent layers, and the layers that pick one step of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netspec.backends.torch.code import Code, Site, call, construct, rule, unless
from netspec.backends.torch.lengths import AT_END, ENDS, MASKED, PACKED, THERE, TURNED
from netspec.layers.recurrent import At, First, Gru, Last, Lstm, Recurrent, Rnn

RESET_FIRST: Final = '''\
class ResetFirstGru(nn.Module):
    """A GRU with the reset before the product (Cho et al. 2014); `nn.GRU` has it after.

    Sequences are (N, T, features), states (directions, N, units), as with `batch_first=True`.
    """

    def __init__(self, features, units, bidirectional=False):
        super().__init__()
        self.units = units
        self.suffixes = ("", "_reverse") if bidirectional else ("",)
        for suffix in self.suffixes:
            for name, *shape in (("weight_ih", features), ("weight_hh", units), ("bias_ih",), ("bias_hh",)):
                values = torch.empty(3 * units, *shape).uniform_(-(units**-0.5), units**-0.5)
                self.register_parameter(f"{name}_l0{suffix}", nn.Parameter(values))

    def forward(self, x, state=None):
        if state is None:
            state = x.new_zeros(len(self.suffixes), len(x), self.units)
        outputs, finals = [], []
        for suffix, h in zip(self.suffixes, state):
            output, h = self.read(x.flip(1) if suffix else x, h, suffix)
            outputs.append(output.flip(1) if suffix else output)
            finals.append(h)
        return torch.cat(outputs, dim=2), torch.stack(finals)

    def read(self, x, h, suffix):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weight, state_weight, bias, state_bias = (getattr(self, f"{name}_l0{suffix}") for name in names)
        outer, inner = state_weight.split((2 * self.units, self.units))
        steps = []
        for projected in (F.linear(x, weight, bias) + state_bias).unbind(1):
            both, candidate = projected.split((2 * self.units, self.units), dim=1)
            r, z = torch.sigmoid(both + h @ outer.T).chunk(2, dim=1)
            n = torch.tanh(candidate + (r * h) @ inner.T)
            h = (1 - z) * n + z * h
            steps.append(h)
        return torch.stack(steps, dim=1), h'''

RAGGED_RESET_FIRST: Final = '''\
class RaggedResetFirstGru(ResetFirstGru):
    """The same of sequences of different lengths, each read up to its own end; what stands beyond is 0."""

    def forward(self, x, lengths, state=None):
        if state is None:
            state = x.new_zeros(len(self.suffixes), len(x), self.units)
        outputs, finals = [], []
        for suffix, h in zip(self.suffixes, state):
            output, _ = self.read(turned(x, lengths) if suffix else x, h, suffix)
            outputs.append(turned(output, lengths) if suffix else output)
            finals.append(at_end(output, lengths))
        return masked(torch.cat(outputs, dim=2), lengths), torch.stack(finals)'''


@rule(Rnn, Lstm, Gru)
def recurrent(site: Site[Recurrent]) -> Code:
    """`nn.RNN`, `nn.LSTM` or `nn.GRU`; `reverse` turns the sequence round before and after.

    The states `h` and `c` of both directions are (directions, N, units).  Sequences of different lengths are packed.
    """
    operation, wants_state = site.operation, "state" in site.extras
    resets_first = isinstance(operation, Gru) and operation.reset == "before"
    ragged = operation.lengths is not None
    own = "RaggedResetFirstGru" if ragged else "ResetFirstGru"
    module = construct(
        own if resets_first else f"nn.{operation.word.upper()}",
        site.channels,
        operation.units,
        **({} if resets_first else {"batch_first": True}),
        **unless(False, bidirectional=operation.bidirectional),
    )
    lengths = "{x2}" if operation.init is not None else "{x1}"
    turn = "turned({0}, " + lengths + ")" if ragged else "{0}.flip(1)"
    given = turn.replace("{0}", "{x}") if operation.reverse else "{x}"
    packs = ragged and not resets_first
    lines = ["steps = {x}.shape[1]"] * (packs and not operation.last)
    if ragged:
        given = f"packed({given}, {lengths})" if packs else f"{given}, {lengths}"
    if operation.init is not None:
        lines.append(_start(operation))
        given += ", (h, c)" if operation.memories > 1 else ", h"
    state = "h" if operation.last or wants_state else "_"
    if operation.memories > 1 and state == "h":
        state = "(h, c)" if wants_state else "(h, _)"
    final = [f"h[{direction}]" for direction in range(operation.directions)]
    lines.append(f"{'_' if operation.last else '{y}'}, {state} = {{module}}({given})")
    if operation.last:
        lines.append(f"{{y}} = {_side_by_side(final)}")
    else:
        unpack = "nn.utils.rnn.pad_packed_sequence({y}, batch_first=True, total_length=steps)"
        lines += [f"{{y}}, _ = {unpack}"] * packs
        lines += ["{y} = " + turn.replace("{0}", "{y}")] * operation.reverse
    if wants_state:
        cells = [each.replace("h", "c") for each in final] * (operation.memories - 1)
        lines.append(f"{{state}} = {_side_by_side([*final, *cells])}")
    return Code(tuple(lines), module, support=_support(operation, resets_first))


def _support(operation: Recurrent, resets_first: bool) -> tuple[str, ...]:
    """What the lines and the module need."""
    if operation.lengths is None:
        return (RESET_FIRST,) * resets_first
    if resets_first:
        return ENDS, THERE, MASKED, TURNED, AT_END, RESET_FIRST, RAGGED_RESET_FIRST
    return (ENDS, PACKED, *[TURNED] * operation.reverse)


def _start(operation: Recurrent) -> str:
    """The line that makes the states to start from out of a vector, which holds them side by side."""
    parts = operation.directions * operation.memories
    if parts == 1:
        return "h = {x1}[None]"
    stacked = f"{{x1}}.unflatten(1, ({parts}, -1)).transpose(0, 1).contiguous()"
    return f"h, c = {stacked}.chunk(2)" if operation.memories > 1 else f"h = {stacked}"


def _side_by_side(vectors: Sequence[str]) -> str:
    return vectors[0] if len(vectors) == 1 else f"torch.cat(({', '.join(vectors)}), dim=1)"


@rule(Last)
def last(site: Site[Last]) -> Code:
    """The step at the end."""
    if site.operation.lengths is not None:
        return call("at_end({x}, {x1})", support=(ENDS, AT_END))
    return call("{x}[:, -1]")


@rule(First)
def first(site: Site[First]) -> Code:
    """The step at the start."""
    return call("{x}[:, 0]")


@rule(At)
def at(site: Site[At]) -> Code:
    """The step of a number that each example has of its own."""
    return call("{x}[torch.arange(len({x}), device={x}.device)[:, None], {x1}.clamp(max={x}.shape[1] - 1)]")
