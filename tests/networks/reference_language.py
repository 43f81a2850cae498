"""Networks of attention, written by hand from their papers: the Transformer, GPT-2, BERT.

Attention is spelt out: four dense layers (query, key, value, output), each with a bias, and the softmax of the scaled
scores between them.  Every network returns logits, BERT its pooled vector.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """softmax(Q K^T / sqrt(d / heads)) V, head by head (Vaswani et al. 2017)."""

    def __init__(self, features: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.output = nn.Linear(features, features)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        source = x if memory is None else memory
        query, key, value = (
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.query(x), self.key(source), self.value(source))
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        if self.causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
            scores = scores.masked_fill(later, -math.inf)
        mixed = scores.softmax(-1) @ value
        return self.output(mixed.transpose(1, 2).flatten(2))


def feed_forward(features: int, inner: int, activation: nn.Module) -> nn.Module:
    """Two dense layers, the same at each step."""
    return nn.Sequential(nn.Linear(features, inner), activation, nn.Linear(inner, features))


def sinusoids(steps: int, features: int, device: torch.device) -> Tensor:
    """sin(t / 10000^(2i/d)) at feature 2i, the cosine at 2i + 1 (Vaswani et al. 2017, section 3.5)."""
    rates = 10000.0 ** (-torch.arange(0, features, 2, dtype=torch.float64, device=device) / features)
    angles = torch.arange(steps, dtype=torch.float64, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


# --- the Transformer


class EncoderLayer(nn.Module):
    """Attention and a feed-forward network, each added to its input and normalised afterwards."""

    def __init__(self, features: int, heads: int, inner: int, activation: nn.Module, eps: float) -> None:
        super().__init__()
        self.attention = Attention(features, heads)
        self.norm1 = nn.LayerNorm(features, eps=eps)
        self.feed_forward = feed_forward(features, inner, activation)
        self.norm2 = nn.LayerNorm(features, eps=eps)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    """As the encoder's, with causal attention, and attention over the encoder's result in between."""

    def __init__(self, features: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention = Attention(features, heads, causal=True)
        self.norm1 = nn.LayerNorm(features)
        self.cross = Attention(features, heads)
        self.norm2 = nn.LayerNorm(features)
        self.feed_forward = feed_forward(features, inner, nn.ReLU())
        self.norm3 = nn.LayerNorm(features)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x)))
        x = self.norm2(x + self.dropout(self.cross(x, memory)))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


class Transformer(nn.Module):
    """Vaswani et al. 2017, base: one embedding serves source, target and the last dense layer.

    `scale` multiplies the embeddings before the positions are added, sqrt(512) in the paper (section 3.4).
    """

    def __init__(self, scale: float = 512**0.5) -> None:
        super().__init__()
        self.scale = scale
        self.words = nn.Embedding(37000, 512)
        self.encoder = nn.ModuleList(EncoderLayer(512, 8, 2048, nn.ReLU(), 1e-5) for _ in range(6))
        self.decoder = nn.ModuleList(DecoderLayer(512, 8, 2048) for _ in range(6))
        self.dropout = nn.Dropout(0.1)

    def embedded(self, tokens: Tensor) -> Tensor:
        words = self.words(tokens) * self.scale
        positions = sinusoids(tokens.shape[1], 512, tokens.device)
        return self.dropout(words + positions.to(words.dtype))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, x = self.embedded(source), self.embedded(target)
        for layer in self.encoder:
            memory = layer(memory)
        for layer in self.decoder:
            x = layer(x, memory)
        return x @ self.words.weight.T


def transformer() -> nn.Module:
    """6 + 6 layers of 512 features, 8 heads, 2,048 in the feed-forward networks, 37,000 words."""
    return Transformer()


# --- GPT-2


class Gpt2Layer(nn.Module):
    """Normalisation in front of attention and feed-forward network (Radford et al. 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(768)
        self.attention = Attention(768, 12, causal=True)
        self.norm2 = nn.LayerNorm(768)
        self.feed_forward = feed_forward(768, 3072, nn.GELU(approximate="tanh"))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class Gpt2(nn.Module):
    """The smallest of Radford et al. 2019; the last dense layer is the embedding, transposed, without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50257, 768)
        self.positions = nn.Embedding(1024, 768)
        self.dropout = nn.Dropout(0.1)
        self.layers = nn.Sequential(*(Gpt2Layer() for _ in range(12)))
        self.norm = nn.LayerNorm(768)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.dropout(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        return self.norm(self.layers(x)) @ self.words.weight.T


def gpt2() -> nn.Module:
    """GPT-2 small: 12 layers of 768 features, 12 heads, 50,257 words, 1,024 positions."""
    return Gpt2()


# --- BERT


class Bert(nn.Module):
    """Devlin et al. 2018, base: the encoder with its pooler; returns the pooled first step.

    `sequence` gives the result of each step, what the tasks on words take.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30522, 768)
        self.segments = nn.Embedding(2, 768)
        self.positions = nn.Embedding(512, 768)
        self.norm = nn.LayerNorm(768, eps=1e-12)
        self.dropout = nn.Dropout(0.1)
        self.layers = nn.Sequential(*(EncoderLayer(768, 12, 3072, nn.GELU(), 1e-12) for _ in range(12)))
        self.pooler = nn.Linear(768, 768)

    def sequence(self, words: Tensor, segments: Tensor) -> Tensor:
        x = self.words(words) + self.segments(segments) + self.positions.weight[: words.shape[1]]
        return self.layers(self.dropout(self.norm(x)))

    def forward(self, words: Tensor, segments: Tensor) -> Tensor:
        return torch.tanh(self.pooler(self.sequence(words, segments)[:, 0]))


def bert() -> nn.Module:
    """BERT base, uncased: 12 layers of 768 features, 12 heads, 30,522 words, 512 positions, 2 segments."""
    return Bert()
