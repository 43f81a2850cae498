"""From arrays of numbers to the parts of a data set: what the readers of arrays, IDX files and pictures share.

Knows nothing of files; the arrays may lie in memory or be mapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Request
from netspec.data.fitting import inputs_of, targets_of
from netspec.data.lazy import Array, Examples, pieces
from netspec.data.parts import Division, parts
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import error
from netspec.ir.shape import Shape

DEFAULT_TEST: Final = 0.2
"""Share of the examples that is kept to test on where nothing is said."""


class Pair(NamedTuple):
    """Examples (n, *dims) and their targets (n, *dims), and what the two are called in a message."""

    inputs: Array
    targets: Array
    names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a `data` line says of numbers: how they are divided, scaled, standardised, and whether they stay mapped."""

    division: Division
    scale: float | None = None
    standardize: bool = False
    mapped: bool = False

    @classmethod
    def of(cls, reader: Any) -> Treatment:
        """That of a reader with the arguments of `npz` (`images` lacks some)."""
        test = DEFAULT_TEST if reader.test is None else reader.test
        division = Division(test, reader.validation, reader.seed, getattr(reader, "split", None))
        return cls(division, reader.scale, reader.standardize, getattr(reader, "mapped", False))


def assemble(
    train: Pair,
    request: Request,
    treatment: Treatment,
    test: Pair | None = None,
    validation: Pair | None = None,
    classes: tuple[str, ...] = (),
) -> Loaded:
    """The parts of the data, divided where `test` is not given; raises N404, N406, and N702 for numbers too large."""
    division = treatment.division

    def targets_for(pair: Pair) -> Examples:
        return targets_of(pair.targets, request.target, classes, name=pair.names[1], stays=treatment.mapped)

    def inputs_for(pair: Pair) -> Examples:
        shape, name = request.inputs[0], pair.names[0]
        return inputs_of(pair.inputs, numbers, shape, name=name, stays=treatment.mapped)

    targets = targets_for(train)
    which = parts(targets, division, tested=test is not None)
    numbers = _numbers(train, which.train, request, treatment)
    between = 0 if division.split == "time" else None
    whole = Dataset(inputs_for(train), targets, between)
    held = Dataset(inputs_for(validation), targets_for(validation), between) if validation else None
    if which.validation is not None:
        held = whole.take(which.validation)
    divided = test is None or which.validation is not None
    return Loaded(
        whole.take(which.train) if divided else whole,
        whole.take(which.test) if test is None else Dataset(inputs_for(test), targets_for(test), between),
        held,
        classes,
        numbers if numbers != Numbers() else None,
    )


def _numbers(pair: Pair, rows: Array, request: Request, treatment: Treatment) -> Numbers:
    """What was fitted before, or is fitted to these rows."""
    source, name = pair.inputs, pair.names[0]
    asked = treatment.scale is not None or treatment.standardize
    shape = request.inputs[0]
    if shape.of is not None and asked:
        word = "standardize" if treatment.standardize else "scale"
        raise error("N406", f"`{word}` is of numbers, and the input is integers ({shape})")
    known = request.prepared(Numbers)
    if known is not None:
        if not known.fits(source.shape[1:]):
            have = Shape(source.shape[1:])
            message = (
                f"the network was trained on {len(known.mean)} channels, and an example of {name} is {have}"
            )
            raise error("N404", message)
        return known
    if not treatment.standardize:
        return Numbers(treatment.scale)
    pictures = source.dtype == np.uint8 and source.ndim < 4
    each = source.ndim > 1 and not pictures
    try:
        return Numbers.fitted(
            lambda: (piece for _, piece in pieces(source, rows)), treatment.scale, each=each
        )
    except OverflowError as problem:
        raise error("N702", f"{name} cannot be standardised: {problem}") from None
