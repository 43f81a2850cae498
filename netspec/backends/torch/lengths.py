"""Sequences of different lengths: the functions that generated modules use, and lengths worked out from others.

In them sequences are (N, T, ...), and lengths one whole number for each example, (N,) or (N, 1).
"""

from __future__ import annotations

import re
from typing import Final

from netspec.backends.torch.code import Code, Site, call, rule
from netspec.layers.lengths import Lengths

ENDS: Final = '''\
def ends(x, lengths):
    """How many of the steps of each sequence (N, T, ...) are there, (N, 1)."""
    return lengths.reshape(-1, 1).clamp(1, x.shape[1])'''

THERE: Final = '''\
def there(x, lengths):
    """Which steps of sequences (N, T, ...) are there, (N, T); the others only fill up."""
    return torch.arange(x.shape[1], device=x.device) < ends(x, lengths)'''

MASKED: Final = '''\
def masked(x, lengths, value=0.0):
    """Sequences (N, T, F) with a number in the place of the steps that only fill up."""
    return x.masked_fill(~there(x, lengths)[..., None], value)'''

TURNED: Final = '''\
def turned(x, lengths):
    """Sequences (N, T, F), each turned round within its own length."""
    step, after = torch.arange(x.shape[1], device=x.device), ends(x, lengths)
    order = torch.where(step < after, after - 1 - step, step)
    return x.gather(1, order[..., None].expand_as(x))'''

AT_END: Final = '''\
def at_end(x, lengths):
    """The last step of each sequence (N, T, ...)."""
    return x[torch.arange(len(x), device=x.device), ends(x, lengths)[:, 0] - 1]'''

PACKED: Final = '''\
def packed(x, lengths):
    """Sequences (N, T, F), each up to its own end, as recurrent layers take them."""
    lengths = ends(x, lengths)[:, 0].cpu()
    return nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)'''

OWN_PADDING: Final = '''\
def own_padding(x, lengths, reach, stride):
    """Sequences (N, T, F), each between the zeros that its own length needs for ceil(length / stride) results."""
    after, steps = ends(x, lengths), x.shape[1]
    before = ((-(-after // stride) - 1) * stride + reach - after).clamp(min=0) // 2
    size = max(steps, (-(-steps // stride) - 1) * stride + reach)
    step = torch.arange(size, device=x.device) - before
    found = x.gather(1, step.clamp(0, steps - 1)[..., None].expand(-1, -1, x.shape[2]))
    return found.masked_fill(((step < 0) | (step >= after))[..., None], 0.0)'''


@rule(Lengths)
def lengths(site: Site[Lengths]) -> Code:
    """The arithmetic as it is written, and 0 at least."""
    operation = site.operation
    text = re.sub(rf"\b{operation.symbol}\b", "{x}", str(operation.expression))
    return call(f"({text.replace('max(', 'torch.clamp_min(')}).clamp(min=0)")
