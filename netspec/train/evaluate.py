"""Loss and metrics of a program on examples that it does not learn from, and of a weight file on its own test data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from netspec.backends import Program, as_tuple, channels_first, compile_net
from netspec.data import Dataset, Examples, Lazy, Loaded, Preprocessing, load
from netspec.diagnostics import SpecError
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.training import Loss, Metric
from netspec.limits import DEFAULT, Limits
from netspec.settings.loss import Crossentropy
from netspec.train.checkpoint import restore
from netspec.train.metrics import Means
from netspec.train.options import Options, resolve

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Examples as programs take them: channels first, made once unless they are `Lazy`, cut into batches by index."""

    inputs: Examples
    targets: Examples
    written: Examples
    """The targets as the spec writes them, for metrics."""

    @classmethod
    def of(cls, dataset: Dataset) -> Prepared:
        """Prepare a data set; arrays that have one channel or no channels are not copied."""
        targets = dataset.targets if dataset.targets.dtype.kind in "iu" else _prepared(dataset.targets)
        return cls(_prepared(dataset.inputs), targets, dataset.targets)

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, which: Array) -> tuple[Array, Array]:
        """Inputs and targets of the examples of these indices."""
        return self.inputs[which], self.targets[which]


def _prepared(examples: Examples) -> Examples:
    return examples.through(channels_first) if isinstance(examples, Lazy) else channels_first(examples)


@dataclass(frozen=True, slots=True)
class Figures:
    """What an evaluation finds: the mean loss over the examples (without regularisation) and the metrics by name."""

    loss: float
    metrics: dict[str, float]
    examples: int

    def to_json(self) -> dict[str, Any]:
        """One flat object."""
        return {"loss": self.loss, **self.metrics, "examples": self.examples}


def evaluate(program: Program, data: Prepared, metrics: Sequence[Metric], batch: int) -> Figures:
    """The figures over all examples, `batch` of them at a time."""
    means, total = Means(metrics), 0.0
    for start in range(0, len(data), batch):
        part = slice(start, start + batch)
        loss, output = program.evaluate(data.inputs[part], data.targets[part])
        main = as_tuple(output)[-1]
        total += loss * len(main)
        means.add(main, data.written[part])
    return Figures(total / max(len(data), 1), means.result(), len(data))


def target_shape(net: Net, loss: Loss) -> Shape:
    """What the output is made for, as `netspec.data.load` wants it: a class at each place, or numbers of its shape."""
    shape = net.outputs[-1].shape
    if isinstance(loss, Crossentropy) and shape.dims and isinstance(shape.dims[-1], int):
        return Shape(shape.dims[:-1], of=shape.dims[-1])
    return shape


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
    return load(
        options.reader,
        training.fallback,
        net.inputs[0].shape,
        target_shape(net, options.loss),
        folder=folder,
        allow_outside=allow_outside,
        fitted=fitted,
        classes=classes,
        span=training.spans.get("data"),
    )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a weight file on test data, and which data these were."""

    net: Net
    figures: Figures
    used: str
    note: str
    device: str


def evaluate_file(
    path: Path,
    *,
    data: str | None = None,
    backend: str = "torch",
    device: str = "auto",
    limits: Limits = DEFAULT,
) -> Evaluation:
    """Test loss and metrics of a weight file, on its spec's data or on those of a line such as `digits`.

    The files of the spec's data are looked for beside the weights, in the current folder and in the folder of the
    data sets; no path that a run's record names is followed.  Those of `data`, which the user wrote, may lie anywhere.
    """
    restored = restore(path, limits)
    overrides = [*restored.overrides, *([f"train.data={data}"] if data else [])]
    options = resolve(restored.net, overrides)
    folders = [Path()] if data else [path.parent, Path()]
    loaded = load_from(
        restored.net,
        options,
        folders,
        allow_outside=data is not None,
        fitted=restored.preprocessing,
        classes=restored.classes,
    )
    program = compile_net(restored.net, backend, device=device, parameters=restored.arrays)
    program.begin(options.training)
    figures = evaluate(program, Prepared.of(loaded.test), options.metrics, 2 * options.batch)
    note = loaded.note
    if restored.trained_on not in ("", loaded.used):
        note = (
            note
            or f"the weights were trained on {restored.trained_on}, and these are figures on {loaded.used}"
        )
    return Evaluation(restored.net, figures, loaded.used, note, program.device)


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
