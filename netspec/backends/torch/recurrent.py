"""Recurrent layers, and the layers that pick one step of a sequence."""

from __future__ import annotations

from netspec.backends.torch.code import Code, Site, call, construct, rule, unless
from netspec.layers.recurrent import First, Gru, Last, Lstm, Recurrent, Rnn


@rule(Rnn, Lstm, Gru)
def recurrent(site: Site[Recurrent]) -> Code:
    """`nn.RNN`, `nn.LSTM` or `nn.GRU`; `reverse` turns the sequence round before and after.

    The final state `h` of both directions is (directions, N, units).
    """
    operation = site.operation
    module = construct(
        f"nn.{operation.word.upper()}",
        site.channels,
        operation.units,
        batch_first=True,
        **unless(False, bidirectional=operation.bidirectional),
    )
    sequence = "{x}.flip(1)" if operation.reverse else "{x}"
    if operation.last:
        state = "(h, _)" if isinstance(operation, Lstm) else "h"
        final = "torch.cat((h[0], h[1]), dim=1)" if operation.bidirectional else "h[0]"
        return Code((f"_, {state} = {{module}}({sequence})", f"{{y}} = {final}"), module)
    lines = [f"{{y}}, _ = {{module}}({sequence})"]
    if operation.reverse:
        lines.append("{y} = {y}.flip(1)")
    return Code(tuple(lines), module)


@rule(Last)
def last(site: Site[Last]) -> Code:
    """The step at the end."""
    return call("{x}[:, -1]")


@rule(First)
def first(site: Site[First]) -> Code:
    """The step at the start."""
    return call("{x}[:, 0]")
