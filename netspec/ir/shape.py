"""Shapes as the language writes them: H x W x C, the example axis implied.

A dimension is an int, or a `Symbol` whose size is bound later.  Shape rules may pass a symbol on; arithmetic on one
raises `SymbolicArithmetic`, which the passes turn into a diagnostic.
"""

from __future__ import annotations

from math import prod
from typing import NoReturn, TypeAlias

from netspec.frozen import frozen


class SymbolicArithmetic(Exception):
    """A shape rule needed the number behind a symbol."""


@frozen
class Symbol:
    """A dimension known by name only."""

    name: str

    def __str__(self) -> str:
        return self.name

    def _refuse(self, *_others: object) -> NoReturn:
        raise SymbolicArithmetic(self.name)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __index__ = _refuse


Dim: TypeAlias = int | Symbol

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
    def size(self) -> int:
        """Number of entries; raises `SymbolicArithmetic` where a dimension is not known."""
        for dim in self.dims:
            if isinstance(dim, Symbol):
                raise SymbolicArithmetic(dim.name)
        return prod(self.dims)  # type: ignore[arg-type]

    @property
    def known(self) -> tuple[int, ...]:
        """The dimensions as numbers; raises `SymbolicArithmetic` where one is not known."""
        for dim in self.dims:
            if isinstance(dim, Symbol):
                raise SymbolicArithmetic(dim.name)
        return self.dims  # type: ignore[return-value]

    @property
    def is_known(self) -> bool:
        """No dimension is a symbol."""
        return not any(isinstance(dim, Symbol) for dim in self.dims)

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
        text = "x".join(str(dim) for dim in self.dims)
        return text if self.of is None else f"{text} of {self.of}"


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
        return "x".join("_" if dim is None else str(dim) for dim in self.dims)
