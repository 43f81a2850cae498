"""Loss and metrics of a program on examples that it does not learn from, and the data of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from netspec.backends import (
    Arrays,
    Program,
    as_given,
    as_tuple,
    channels_first,
    channels_last,
    for_each,
    on_each,
)
from netspec.backends.parts import places_of
from netspec.data import Dataset, Examples, Loaded, Preprocessing, every, load
from netspec.diagnostics import SpecError
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Aim, Metric
from netspec.passes.fields import Wishes, wishes_of
from netspec.passes.objective import target_shape
from netspec.passes.updates import fields, updates
from netspec.train.ends import Ends
from netspec.train.metrics import Tally
from netspec.train.options import Options
from netspec.train.targets import check_fields, check_sizes, check_targets

Array = np.ndarray[Any, np.dtype[Any]]
Batch: TypeAlias = tuple[Arrays, Arrays]
"""The inputs and the targets of some examples."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Examples as programs take them, channels first, cut into batches by index.

    What lies in memory is turned once, what is mapped or made when it is asked for (`Lazy`) batch by batch.  Where the
    examples have `ends`, batches are cut to their longest example, and their lengths are further inputs.
    """

    size: int
    inputs: tuple[_Turned, ...]
    targets: tuple[_Turned, ...]
    ends: Ends | None = None

    @classmethod
    def of(cls, dataset: Dataset, ends: Ends | None = None) -> Prepared:
        """Prepare a data set; arrays that have one channel or no channels are not copied."""
        inputs = tuple(_Turned(each, whole=False) for each in every(dataset.inputs))
        targets = tuple(_Turned(each, whole=True) for each in every(dataset.targets))
        return cls(len(dataset), inputs, targets, ends)

    def __len__(self) -> int:
        return self.size

    def batch(self, which: Array | slice) -> tuple[Arrays, Arrays]:
        """Inputs and targets of some examples."""
        inputs, targets = (tuple(each[which] for each in some) for some in (self.inputs, self.targets))
        if self.ends is not None:
            inputs, targets = self.ends.cut(which, inputs, targets)
        return as_given(inputs), as_given(targets)

    def places(self, which: Array | slice, aims: Sequence[Aim]) -> tuple[int, ...]:
        """Of how many places the loss of these examples is the mean, for each aim; empty where all have as many."""
        if self.ends is None:
            return ()
        return tuple(map(places_of, for_each(aims, as_given([each[which] for each in self.targets]))))

    def stretch(self, first: int, end: int, batch: int) -> Iterator[Array | slice]:
        """The examples of a stretch, `batch` of them at a time; those with ends in the order of their lengths."""
        order = None if self.ends is None else self.ends.sorted(np.arange(first, end))
        for start in range(first, end, batch):
            part = slice(start, min(start + batch, end))
            yield part if order is None else order[part.start - first : part.stop - first]


class _Turned:
    """Examples, channels first; `whole`: integers are a class a place, and stay."""

    def __init__(self, array: Examples, *, whole: bool) -> None:
        self.stays = whole and array.dtype.kind in "iu"
        self.turned = type(array) is np.ndarray or self.stays
        self.array = channels_first(np.asarray(array)) if self.turned and not self.stays else array

    def __getitem__(self, which: Array | slice) -> Array:
        part = np.asarray(self.array[which])
        return part if self.turned else channels_first(part)


@dataclass(frozen=True, slots=True)
class Figures:
    """What an evaluation finds: the mean loss over the examples (without regularisation) and the metrics by name.

    Where targets leave places out, these are means over the places that are there.

    `losses` are those of the outputs by name where several are trained, `loss` is their sum by weight.
    """

    loss: float
    metrics: dict[str, float]
    examples: int
    losses: dict[str, float] = field(default_factory=dict)

    def named(self) -> dict[str, float]:
        """All figures by name: `loss`, `loss.aux`, `accuracy`."""
        losses = {f"loss.{name}": loss for name, loss in self.losses.items()}
        return {"loss": self.loss, **losses, **self.metrics}

    def with_metrics(self, metrics: Mapping[str, float]) -> Figures:
        """The same with further metrics before those that there are."""
        return replace(self, metrics={**metrics, **self.metrics})

    def to_json(self) -> dict[str, Any]:
        """One flat object."""
        return {**self.named(), "examples": self.examples}


def _as_it_is(batch: Batch, _start: int) -> Batch:
    return batch


def evaluate(
    program: Program,
    data: Prepared,
    metrics: Sequence[Metric],
    batch: int,
    given: Callable[[Batch, int], Batch] = _as_it_is,
) -> Figures:
    """The figures over all examples, `batch` of them at a time.

    `given` makes what the program reads and compares with of a batch, so many examples after the first.
    Every process of the program's group takes its share, one stretch of the examples each, and all of them get the
    figures over all.  They ask the program equally often, as they have to where its parameters are divided among them.
    """
    group, aims = program.group, program.aims
    names = [layer.name for layer in program.net.outputs]
    places = [names.index(aim.output.name) for aim in aims]
    tally, sums, counts = Tally(metrics, aims), np.zeros(len(aims)), np.zeros(len(aims))
    first, end = (len(data) * rank // group.size for rank in (group.rank, group.rank + 1))
    parts = list(data.stretch(first, end, batch))
    for number, part in enumerate(parts):
        inputs, targets = given(data.batch(part), number * batch)
        losses, found = program.evaluate(inputs, targets)
        alike = len(as_tuple(targets)[0])
        weights = np.array(data.places(part, aims) or (alike,) * len(aims))
        sums += np.where(weights > 0, losses, 0) * weights
        counts += weights
        outputs = as_tuple(found)
        if metrics:
            written = for_each(aims, on_each(_as_written, targets))
            tally.add([outputs[place] for place in places], written)
    for _ in range(ceil(ceil(len(data) / group.size) / batch) - len(parts)):
        program.evaluate(*data.batch(slice(0, 1)))  # another process has one example more
    tally.gather(group)
    sums, counts = group.total(np.stack([sums, counts]))
    means = (sums / np.maximum(counts, 1)).tolist()
    total = sum(aim.loss.weight * mean for aim, mean in zip(aims, means, strict=True))
    several = {aim.output.name: mean for aim, mean in zip(aims, means, strict=True)} if len(aims) > 1 else {}
    return Figures(total, tally.result(), len(data), several)


def _as_written(target: Array) -> Array:
    """A prepared target as the spec writes it."""
    return target if target.dtype.kind in "iu" else channels_last(target)


def load_data(
    net: Net,
    options: Options,
    folder: Path,
    *,
    allow_outside: bool = False,
    fitted: Preprocessing | None = None,
    classes: tuple[str, ...] = (),
) -> Loaded:
    """The data of a run, or of trained weights with what was fitted to theirs; raises N405, N701, N702 or N404."""
    training = options.training
    span = training.spans.get("data")
    loaded = load(
        options.reader,
        training.fallback,
        *_wanted(net, options),
        folder=folder,
        allow_outside=allow_outside,
        fitted=fitted,
        classes=classes,
        span=span,
    )
    check_targets(loaded, options.aims, span)
    check_sizes(loaded, net, options.aims, span)
    check_fields(loaded, updates(net), span)
    return loaded


def _wanted(net: Net, options: Options) -> tuple[tuple[Shape, ...], Shape | None, Wishes]:
    """What is wanted of the data: the shapes of the inputs, the target, None where any will do, and their fields."""
    if options.training.updates:
        found, (first, last) = fields(net), options.reader.fields(())
        return (found[first],), found.get(last, options.reader.target_shape()), Wishes((first,))
    aims = [aim for aim in options.aims if aim.targets != "nothing"]
    shapes = tuple(layer.shape for layer in net.inputs)
    return shapes, target_shape(aims[-1]) if aims else None, wishes_of(net, options.training)


def load_from(
    net: Net,
    options: Options,
    folders: Sequence[Path],
    *,
    allow_outside: bool = False,
    fitted: Preprocessing | None = None,
    classes: tuple[str, ...] = (),
) -> Loaded:
    """The data from the first folder that has them; the fallback only where none does.  See `load_data`."""
    certain = replace(options, training=replace(options.training, fallback=None))
    found = partial(load_data, net, allow_outside=allow_outside, fitted=fitted, classes=classes)
    for folder in folders:
        try:
            return found(certain, folder)
        except SpecError as refused:
            if any(each.code != "N701" for each in refused.diagnostics):
                raise
    return found(options, folders[0])
