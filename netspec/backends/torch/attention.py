"""Attention."""

from __future__ import annotations

from typing import Final

from netspec.backends.torch.code import Code, Site, construct, rule, unless
from netspec.backends.torch.lengths import ENDS, THERE
from netspec.layers.attention import Attention

ATTENTION: Final = '''\
class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) over a sequence, by default the input itself."""

    def __init__(self, features, out, heads, key=None, value=None, memory=None, bias=True, causal=False):
        super().__init__()
        key, value, memory = key or out // heads, value or out // heads, memory or features
        self.heads, self.causal = heads, causal
        self.query = nn.Linear(features, heads * key, bias)
        self.key = nn.Linear(memory, heads * key, bias)
        self.value = nn.Linear(memory, heads * value, bias)
        self.out = nn.Linear(heads * value, out, bias)

    def forward(self, x, memory=None):
        memory = x if memory is None else memory
        parts = self.query(x), self.key(memory), self.value(memory)
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).flatten(2))'''

RAGGED_ATTENTION: Final = '''\
class RaggedAttention(Attention):
    """The same where examples have different lengths: `lengths` are those of the sequence that keys come from."""

    def forward(self, x, lengths, memory=None):
        memory = x if memory is None else memory
        parts = self.query(x), self.key(memory), self.value(memory)
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        seen = there(memory, lengths)[:, None, None]
        if self.causal:
            seen = seen & torch.ones(x.shape[1], memory.shape[1], dtype=torch.bool, device=x.device).tril()
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return self.out(mixed.transpose(1, 2).flatten(2))'''


@rule(Attention)
def attention(site: Site[Attention]) -> Code:
    """A module of four `nn.Linear` around `F.scaled_dot_product_attention`."""
    operation = site.operation
    memory = operation.memory(site.inputs).features
    ragged = operation.lengths is not None
    module = construct(
        "RaggedAttention" if ragged else "Attention",
        site.channels,
        operation.features,
        operation.heads,
        **unless(None, key=operation.key, value=operation.value),
        **unless(site.channels, memory=memory),
        **unless(True, bias=operation.bias),
        **unless(False, causal=operation.causal),
    )
    if not ragged:
        return Code(("{y} = {module}({xs})",), module, support=(ATTENTION,))
    given = "{x}, {x1}" if operation.over is None else "{x}, {x2}, {x1}"
    support = ENDS, THERE, ATTENTION, RAGGED_ATTENTION
    return Code((f"{{y}} = {{module}}({given})",), module, support=support)
