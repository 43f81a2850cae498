"""Shapes as the language writes them: H x W x C, the example axis implied.

A dimension is an int, or an expression of symbols whose sizes are bound later (see `symbolic`).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from netspec.frozen import frozen
from netspec.ir.symbolic import Dim, Expression, Symbol, Unbound, grouped, substituted, symbols_of

__all__ = ["KINDS", "PATTERNS", "Dim", "Pattern", "Shape", "Symbol", "described_kind"]

KINDS = {1: "vector", 2: "sequence", 3: "image", 4: "sequence of images"}
_WITH_ARTICLE = {
    "vector": "a vector",
    "sequence": "a sequence",
    "image": "an image",
    "sequence of images": "a sequence of images",
    "integers": "integers",
}
PATTERNS = {
    "vector": "N",
    "sequence": "TxN",
    "image": "HxWxC",
    "sequence of images": "TxHxWxC",
    "integers": "T of N",
}


@frozen
class Shape:
    """The shape of one example; `of` says that the entries are integers from 0 up to, not including, that bound."""

    dims: tuple[Dim, ...]
    of: int | None = None

    @classmethod
    def make(cls, *dims: Dim) -> Shape:
        """A shape from its dimensions."""
        return cls(dims)

    @property
    def kind(self) -> str:
        """`vector`, `sequence`, `image` or `sequence of images`, by rank; `integers` where `of` is set."""
        return "integers" if self.of is not None else KINDS.get(len(self.dims), f"rank {len(self.dims)}")

    @property
    def size(self) -> Dim:
        """Number of entries."""
        return prod(self.dims)

    @property
    def features(self) -> int:
        """The last dimension, channels or features, as a number; raises `Unbound` where it is none."""
        return Shape(self.dims[-1:]).known[0]

    @property
    def known(self) -> tuple[int, ...]:
        """The dimensions as numbers; raises `Unbound` where one is not known."""
        for dim in self.dims:
            if isinstance(dim, Expression):
                raise Unbound(dim)
        return self.dims  # type: ignore[return-value]

    @property
    def is_known(self) -> bool:
        """Every dimension is a number."""
        return all(isinstance(dim, int) for dim in self.dims)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of its symbols, in order."""
        return tuple(dict.fromkeys(name for dim in self.dims for name in symbols_of(dim)))

    def substitute(self, values: Mapping[str, Dim]) -> Shape:
        """The shape with symbols replaced."""
        return Shape(tuple(substituted(dim, values) for dim in self.dims), self.of)

    @property
    def channels_first(self) -> tuple[Dim, ...]:
        """The dimensions in the order in which backends hold them: C, H, W for images, else as written."""
        if len(self.dims) < 3:
            return self.dims
        *time, height, width, channels = self.dims
        return (*time, channels, height, width)

    @property
    def described(self) -> str:
        """Kind and dimensions in words: `an image 28x28x1`."""
        return f"{_WITH_ARTICLE.get(self.kind, 'a tensor')} {self}"

    def __str__(self) -> str:
        text = "x".join(map(grouped, self.dims))
        return text if self.of is None else f"{text} of {self.of}".lstrip()


def described_kind(kind: str) -> str:
    """A kind of shape in words with its pattern: `an image (HxWxC)`."""
    return f"{_WITH_ARTICLE[kind]} ({PATTERNS[kind]})"


@frozen
class Pattern:
    """A shape as stated after `->`: None matches any one dimension."""

    dims: tuple[Dim | None, ...]

    def matches(self, shape: Shape) -> bool:
        """Every stated dimension is the shape's own."""
        return len(self.dims) == len(shape.dims) and all(
            mine is None or mine == theirs for mine, theirs in zip(self.dims, shape.dims, strict=True)
        )

    def substitute(self, values: Mapping[str, Dim]) -> Pattern:
        """The pattern with symbols replaced."""
        return Pattern(tuple(None if dim is None else substituted(dim, values) for dim in self.dims))

    def filled(self, shape: Shape) -> Shape:
        """The stated dimensions, those of another shape where any is allowed; that shape itself if the rank differs."""
        if len(self.dims) != len(shape.dims):
            return shape
        return Shape(
            tuple(
                theirs if mine is None else mine for mine, theirs in zip(self.dims, shape.dims, strict=True)
            )
        )

    def __str__(self) -> str:
        return "x".join("_" if dim is None else grouped(dim) for dim in self.dims)
