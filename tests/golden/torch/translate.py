import torch
from torch import nn
from torch.nn import functional as F


class Sinusoids(nn.Module):
    """Adds sines and cosines of a step's number to its features (Vaswani et al. 2017)."""

    def forward(self, x):
        steps, features = x.shape[1:]
        column = torch.arange(features, device=x.device)
        power = (column - column % 2).to(x.dtype) / features
        angle = torch.arange(steps, device=x.device).to(x.dtype)[:, None] / 10000**power
        return x + torch.where(column % 2 == 0, angle.sin(), angle.cos())


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
        return self.out(mixed.transpose(1, 2).flatten(2))


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
        return torch.stack(steps, dim=1), h


class Translate(nn.Module):
    """translate: S of 9, T of 9 to Tx9, 1,863 parameters.

    Reads source (N, S) of integers
    Reads target (N, T) of integers
    Gives softmax1 (N, T, F) = (N, T, 9)
    Losses take `logits`.
    Weights: `model.load_state_dict(safetensors.torch.load_file("best.safetensors"))`.
    `dense2.weight` is `words.weight`: the file has the latter alone.
    """

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 6)
        self.read = nn.LSTM(6, 6, batch_first=True, bidirectional=True)
        self.dense1 = nn.Linear(24, 6)
        self.said = nn.Embedding(9, 6)
        self.position1 = Sinusoids()
        self.self = Attention(6, 6, 2, causal=True)
        self.layernorm1 = nn.LayerNorm(6)
        self.attention1 = Attention(6, 6, 2, memory=12)
        self.gru1 = nn.GRU(6, 6, batch_first=True)
        self.gru2 = ResetFirstGru(6, 6)
        self.dense2 = nn.Linear(6, 9)
        self.dense2.weight = self.words.weight

    def logits(self, source, target):
        x = self.words(source)  # Sx6
        read, (h, c) = self.read(x)  # Sx12
        read_state = torch.cat((h[0], h[1], c[0], c[1]), dim=1)
        start = torch.tanh(self.dense1(read_state))  # 6
        said = self.said(target)  # Tx6
        x = self.position1(said)  # Tx6
        x = self.self(x)  # Tx6
        x = self.layernorm1(x + said)  # Tx6
        x = self.attention1(x, read)  # Tx6
        h = start[None]
        x, _ = self.gru1(x, h)  # Tx6
        x, _ = self.gru2(x)  # Tx6
        return self.dense2(x)  # Tx9

    def forward(self, source, target):
        return torch.softmax(self.logits(source, target), dim=-1)


if __name__ == "__main__":
    model = Translate().eval()
    # Weights that netspec has trained:
    # from safetensors.torch import load_file
    # weights = load_file("best.safetensors")
    # model.load_state_dict(weights | {"dense2.weight": weights["words.weight"]})
    source = torch.randint(9, (2, 12))
    target = torch.randint(9, (2, 12))
    with torch.no_grad():
        output = model(source, target)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {tuple(source.shape)} and {tuple(target.shape)} to {tuple(output.shape)}")
