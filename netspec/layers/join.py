"""Joins: several results made one, entry by entry or side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from netspec.ir.asking import agree
from netspec.ir.definition import argument, shared, word
from netspec.ir.layer import Example, Operation, Problem, ReadBack, Shapes
from netspec.ir.shape import Dim, Shape
from netspec.ir.values import References

AXES: Final[dict[str, tuple[str, ...]]] = {
    "vector": ("size",),
    "sequence": ("steps", "features"),
    "image": ("height", "width", "channels"),
    "sequence of images": ("steps", "height", "width", "channels"),
}
"""What the axes of a shape are called, by its kind."""


def _alike(one: Sequence[Dim], other: Sequence[Dim]) -> bool:
    """All dimensions are the same, or what has to hold for it."""
    return len(one) == len(other) and all(map(agree, one, other))


def _told(*dims: Dim) -> Dim:
    """One of several ways to write the same size: a number, or the shortest."""
    return min(dims, key=lambda dim: (not isinstance(dim, int), len(str(dim))))


@shared
class Join(Operation):
    """What the joins share.  With one name, the line above and that one; with several, those and nothing else."""

    others: tuple[str, ...] = argument(
        References(), "the layers: one is joined with the line above, several with one another", default=()
    )

    joins: ClassVar[bool] = True
    verb: ClassVar[str] = "joined"
    """What cannot be done to shapes that do not fit."""
    spreads: ClassVar[bool] = False
    """A vector of channels applies to every pixel or step."""

    def check_number(self, inputs: Shapes) -> None:
        """Raise where there is nothing to join, or where integers are among it."""
        if len(inputs) < 2:
            raise Problem(
                "N103",
                f"`{self.word}` joins two layers or more, and reads one",
                label="names no other",
                notes=[f"another one is named as in  {self.word} skip"],
            )
        for shape in inputs:
            if shape.of is not None:
                raise Problem(
                    "N206",
                    f"`{self.word}` reads numbers, not {shape.described}",
                    argument="others",
                    label="wants numbers",
                )

    def misfit(self, first: Shape, other: Shape, *, axes: slice = slice(None)) -> Problem:
        """How two shapes do not fit in some of their axes, with the numbers of each side."""
        if first.kind == other.kind:
            pairs = zip(AXES[first.kind][axes], first.dims[axes], other.dims[axes], strict=True)
            why = ", ".join(f"{name} {one} and {two}" for name, one, two in pairs if not agree(one, two))
        elif self.spreads and "vector" in (first.kind, other.kind):
            *_, channels = max(AXES[first.kind], AXES[other.kind], key=len)
            why = f"{channels} {first.dims[-1]} and {other.dims[-1]}"
        else:
            why = " and ".join(shape.described.removesuffix(f" {shape}") for shape in (first, other))
        message = f"{first} and {other} cannot be {self.verb}: {why}"
        problem = Problem("N204", message, argument="others", label=f"reads {first} and {other}")
        problem.shapes = (first, other)
        return problem


@shared
class Spreading(Join):
    """A join that also takes a vector of channels, which then applies to every pixel or step."""

    spreads: ClassVar[bool] = True

    def result(self, inputs: Shapes) -> Shape:
        self.check_number(inputs)
        # a vector as long as the channels of what it meets, in any order
        grid = next((shape for shape in inputs if shape.kind != "vector"), inputs[0])
        grids = [shape for shape in inputs if len(shape.dims) == len(grid.dims)]
        for shape in inputs:
            spreads = shape.kind == "vector" and _alike(shape.dims, grid.dims[-1:])
            if not spreads and not _alike(shape.dims, grid.dims):
                raise self.misfit(*((grid, shape) if inputs[0] is grid else (shape, grid)))
        return Shape(tuple(_told(*dims) for dims in zip(*(shape.dims for shape in grids), strict=True)))


_GATES: Final = (("gates", "2"),)


@word("add")
class Add(Spreading):
    """Adds results of one shape: a residual connection (He et al. 2015).

    A vector as long as the channels of an image (or the features of a sequence) is added at every pixel (step).
    """

    hands_back: ClassVar[bool] = True
    verb: ClassVar[str] = "added"
    formula: ClassVar[str] = "y = a + b + ...; all shapes equal, but that a vector of the channels spreads"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "add other", "4x3x2", (("other", "4x3x2"),)),
        Example("5x4", "add other", "5x4", (("other", "5x4"),)),
        Example("6", "add other", "6", (("other", "6"),)),
        Example("4x3x2", "add shift", "4x3x2", (("shift", "2"),)),
        Example("4", "add steps", "5x4", (("steps", "5x4"),)),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()


@word("mul")
class Mul(Spreading):
    """Multiplies results of one shape: a gate.

    A vector as long as the channels of an image (or the features of a sequence) applies to every pixel (step), which
    is how a squeeze-and-excitation block weighs channels (Hu et al. 2017).
    """

    verb: ClassVar[str] = "multiplied"
    formula: ClassVar[str] = "y = a * b * ...; all shapes equal, but that a vector of the channels spreads"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("5x4", "mul other", "5x4", (("other", "5x4"),)),
        Example("4x3x2", "mul gates", "4x3x2", _GATES),
        Example("2", "mul image", "4x3x2", (("image", "4x3x2"),)),
        Example("5x2", "mul gates", "5x2", _GATES),
        Example("3x4x5x2", "mul gates", "3x4x5x2", _GATES),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)


@word("mean")
class Mean(Join):
    """The mean of results of one shape, entry by entry."""

    verb: ClassVar[str] = "averaged"
    formula: ClassVar[str] = "y = (a + b + ...) / number; all shapes equal"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "mean other", "4x3x2", (("other", "4x3x2"),)),
        Example("6", "mean other", "6", (("other", "6"),)),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    def result(self, inputs: Shapes) -> Shape:
        self.check_number(inputs)
        for shape in inputs[1:]:
            if not _alike(shape.dims, inputs[0].dims):
                raise self.misfit(inputs[0], shape)
        return Shape(tuple(_told(*dims) for dims in zip(*(shape.dims for shape in inputs), strict=True)))


@word("concat")
class Concat(Join):
    """Puts results side by side: the channels of images, the features of sequences, the numbers of vectors."""

    verb: ClassVar[str] = "concatenated"
    formula: ClassVar[str] = "output = the sum of the last dimensions; all others equal"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("4x3x2", "concat skip", "4x3x5", (("skip", "4x3x3"),)),
        Example("5x4", "concat other", "5x6", (("other", "5x2"),)),
        Example("6", "concat other", "9", (("other", "3"),)),
        Example("2x4x3x2", "concat other", "2x4x3x3", (("other", "2x4x3x1"),)),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()

    def result(self, inputs: Shapes) -> Shape:
        self.check_number(inputs)
        first, *others = inputs
        for shape in others:
            if shape.kind != first.kind or not _alike(shape.dims[:-1], first.dims[:-1]):
                raise self.misfit(first, shape, axes=slice(-1))
        *sizes, ends = zip(*(shape.dims for shape in inputs), strict=True)
        return Shape((*(_told(*dims) for dims in sizes), sum(ends)))
