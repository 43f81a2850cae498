"""From arrays of numbers to the parts of a data set: what the readers of arrays, IDX files and pictures share.

Knows nothing of files; the arrays may lie in memory or be mapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from netspec.data.dataset import Dataset, Loaded, Maker, Request
from netspec.data.fitting import inputs_of, targets_of
from netspec.data.lazy import Array, Examples, pieces
from netspec.data.parts import Division, parts
from netspec.data.preprocessing import Numbers
from netspec.diagnostics import error
from netspec.ir.shape import Shape

DEFAULT_TEST: Final = 0.2
"""Share of the examples that is kept to test on where nothing is said."""


class Rows(NamedTuple):
    """Arrays (n, *dims) by field, and what each is called in a message."""

    fields: Mapping[str, Array]
    said: Mapping[str, str]


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
    train: Rows,
    request: Request,
    treatment: Treatment,
    test: Rows | None = None,
    validation: Rows | None = None,
    *,
    label: str,
    classes: tuple[str, ...] = (),
) -> Loaded:
    """The parts of the data, divided where `test` is not given; raises N404, N406, and N702 for numbers too large.

    The field `label` is what is to be predicted unless the network says otherwise: classes, or numbers as they are.
    All others are scaled and standardised as the treatment says.
    """
    division, target = treatment.division, request.roles.target
    divided: Examples = train.fields[target]
    if target == label:  # known to be right before anything is fitted
        divided = _targets(train, label, request.target, treatment, classes)
    which = parts(divided, division, tested=test is not None)
    numbers = _fitted(train, which.train, request, treatment, label)
    between = 0 if division.split == "time" else None

    def made(rows: Rows) -> Dataset:
        return request.made(
            {name: _maker(rows, name, numbers, treatment, label, classes) for name in rows.fields}, between
        )

    whole = made(train)
    held = made(validation) if validation else None
    if which.validation is not None:
        held = whole.take(which.validation)
    divides = test is None or which.validation is not None
    return Loaded(
        whole.take(which.train) if divides else whole,
        whole.take(which.test) if test is None else made(test),
        held,
        classes if target == label else (),
        request.fitted_to({name: each for name, each in numbers.items() if each != Numbers()}),
    )


def _targets(
    rows: Rows, name: str, wanted: Shape | None, treatment: Treatment, classes: tuple[str, ...]
) -> Examples:
    return targets_of(rows.fields[name], wanted, classes, name=rows.said[name], stays=treatment.mapped)


def _maker(
    rows: Rows,
    name: str,
    numbers: Mapping[str, Numbers],
    treatment: Treatment,
    label: str,
    classes: tuple[str, ...],
) -> Maker:
    """What makes inputs and targets of a field."""

    def make(shape: Shape | None, end: str) -> Examples:
        if name == label and end == "output":
            return _targets(rows, name, shape, treatment, classes)
        known = numbers.get(name, Numbers(1.0))
        said = rows.said[name]
        return inputs_of(rows.fields[name], known, shape, name=said, stays=treatment.mapped, end=end)

    return make


def _fitted(
    train: Rows, rows: Array, request: Request, treatment: Treatment, label: str
) -> dict[str, Numbers]:
    """What was fitted before to each field that is used as numbers, or is fitted to these rows."""
    ends = (*zip(request.roles.inputs, request.inputs, strict=True), (request.roles.target, request.target))
    used = {name for name, shape in ends if name != label and (shape is None or shape.of is None)}
    if not used and (treatment.scale is not None or treatment.standardize):
        word = "standardize" if treatment.standardize else "scale"
        raise error("N406", f"`{word}` is of numbers, and the input is integers ({request.inputs[0]})")
    known = request.known(Numbers)
    if known is not None:
        return {name: _fitting(known.get(name, Numbers()), train, name) for name in sorted(used)}
    return {name: _numbers(train, name, rows, treatment) for name in sorted(used)}


def _fitting(numbers: Numbers, train: Rows, name: str) -> Numbers:
    """What was fitted before, found to be of as many channels."""
    dims = train.fields[name].shape[1:]
    if numbers.fits(dims):
        return numbers
    trained = f"the network was trained on {len(numbers.mean)} channels"
    raise error("N404", f"{trained}, and an example of {train.said[name]} is {Shape(dims)}")


def _numbers(train: Rows, name: str, rows: Array, treatment: Treatment) -> Numbers:
    """Fitted to these rows of a field."""
    source = train.fields[name]
    if not treatment.standardize:
        return Numbers(treatment.scale)
    pictures = source.dtype == np.uint8 and source.ndim < 4
    each = source.ndim > 1 and not pictures
    try:
        return Numbers.fitted(
            lambda: (piece for _, piece in pieces(source, rows)), treatment.scale, each=each
        )
    except OverflowError as problem:
        raise error("N702", f"{train.said[name]} cannot be standardised: {problem}") from None
