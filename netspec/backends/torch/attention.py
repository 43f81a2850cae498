"""Attention."""

from __future__ import annotations

from typing import Final

from netspec.backends.torch.code import Code, Site, construct, rule, unless
from netspec.backends.torch.lengths import ENDS, THERE
from netspec.layers.attention import Attention, AttentionKeys, AttentionOver, AttentionStep

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

ATTEND: Final = '''\
def attend(query, keys, values, heads, seen=None):
    """Attention of queries to keys and values, (N, T, heads * size) each; all are `seen` unless a mask says so."""
    query, keys, values = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (query, keys, values))
    mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=seen)
    return mixed.transpose(1, 2).flatten(2)'''

ATTENTION_KEYS: Final = '''\
class AttentionKeys(nn.Module):
    """Keys and values of a sequence, for attention that is worked out a step at a time."""

    def __init__(self, features, key, value, bias=True):
        super().__init__()
        self.key = nn.Linear(features, key, bias)
        self.value = nn.Linear(features, value, bias)'''

ATTENTION_OVER: Final = '''\
class AttentionOver(nn.Module):
    """Attention of one step over keys and values that are there: none after `count` steps, and none after `lengths`."""

    def __init__(self, features, out, heads, key, value, bias=True):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, key, bias)
        self.out = nn.Linear(value, out, bias)

    def forward(self, x, keys, values, count=None, lengths=None):
        seen, places = None, torch.arange(keys.shape[1], device=x.device)
        if count is not None:
            seen = (places <= count)[:, None, None]
        if lengths is not None:
            there = (places < lengths.reshape(-1, 1).clamp(1, keys.shape[1]))[:, None, None]
            seen = there if seen is None else seen & there
        return self.out(attend(self.query(x), keys, values, self.heads, seen))'''

ATTENTION_STEP: Final = '''\
class AttentionStep(nn.Module):
    """Causal attention of one step, which puts its key and value behind those of the `count` steps before it."""

    def __init__(self, features, out, heads, key, value, memory=None, bias=True):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, key, bias)
        self.key = nn.Linear(memory or features, key, bias)
        self.value = nn.Linear(memory or features, value, bias)
        self.out = nn.Linear(value, out, bias)

    def forward(self, x, memory, keys, values, count):
        places = torch.arange(keys.shape[1], device=x.device)
        own = (places == count)[:, :, None]
        keys = torch.where(own, self.key(memory), keys)
        values = torch.where(own, self.value(memory), values)
        seen = (places <= count)[:, None, None]
        return self.out(attend(self.query(x), keys, values, self.heads, seen)), keys, values'''


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


@rule(AttentionKeys)
def attention_keys(site: Site[AttentionKeys]) -> Code:
    """Two `nn.Linear`, by their names: another use of the layer may be all of attention."""
    operation = site.operation
    sizes = (site.channels, *operation.widths)
    module = construct("AttentionKeys", *sizes, **unless(True, bias=operation.bias))
    lines = ("{values} = {module}.value({x})", "{y} = {module}.key({x})")
    return Code(lines, module, support=(ATTENTION_KEYS,))


@rule(AttentionOver)
def attention_over(site: Site[AttentionOver]) -> Code:
    """Two `nn.Linear` around `F.scaled_dot_product_attention`."""
    operation = site.operation
    key, value = operation.widths
    sizes = (site.channels, operation.features, operation.heads, key, value)
    module = construct("AttentionOver", *sizes, **unless(True, bias=operation.bias))
    given = "{xs}"
    if operation.lengths is not None and not operation.causal:
        given = "{x}, {x1}, {x2}, lengths={x3}"
    return Code((f"{{y}} = {{module}}({given})",), module, support=(ATTEND, ATTENTION_OVER))


@rule(AttentionStep)
def attention_step(site: Site[AttentionStep]) -> Code:
    """Four `nn.Linear` around `F.scaled_dot_product_attention`."""
    operation = site.operation
    module = construct(
        "AttentionStep",
        *(site.channels, operation.features, operation.heads, *operation.widths),
        **unless(site.channels, memory=site.inputs[1].features),
        **unless(True, bias=operation.bias),
    )
    return Code(("{y}, {keys}, {values} = {module}({xs})",), module, support=(ATTEND, ATTENTION_STEP))
