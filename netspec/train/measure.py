"""The figures of a weight file on test data, its own or others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from netspec.backends import as_given, as_tuple, channels_last, compile_net
from netspec.ir.net import Net
from netspec.limits import DEFAULT, Limits
from netspec.train.checkpoint import restore
from netspec.train.ends import Ends, network_for
from netspec.train.evaluate import Figures, Prepared, load_from
from netspec.train.learner import Learner, learner_for
from netspec.train.options import resolve
from netspec.train.said import figures_of_texts
from netspec.train.targets import balanced

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An example of the test data as the spec writes its shapes: what is read, what is said of it, and the truth."""

    given: Array
    said: Array
    truth: Array


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a weight file on test data, and which data these were."""

    net: Net
    figures: Figures
    used: str
    note: str
    device: str
    baseline: str = ""
    """See `Loaded.baseline`."""
    shown: tuple[Shown, ...] = ()
    """The first examples, as many as were asked for; none where several networks are trained by turns."""


def evaluate_file(
    path: Path,
    *,
    data: str | None = None,
    metrics: Sequence[str] = (),
    show: int = 0,
    backend: str = "torch",
    device: str = "auto",
    limits: Limits = DEFAULT,
) -> Evaluation:
    """Test loss and metrics of a weight file, on its spec's data or on those of a line such as `digits`.

    `metrics` are measured beside those that the spec says; `bleu` and `exact` of the texts that the network generates,
    where it does.  `show` is of how many examples the result has what is read, said and true.

    The files of the spec's data are looked for beside the weights, in the current folder and in the folder of the
    data sets; no path that a run's record names is followed.  Those of `data`, which the user wrote, may lie anywhere.
    """
    restored = restore(path, limits)
    overrides = [*restored.overrides, *([f"train.data={data}"] if data else [])]
    options = resolve(restored.net, overrides, metrics)
    folders = [Path()] if data else [path.parent, Path()]
    loaded = load_from(
        restored.net,
        options,
        folders,
        allow_outside=data is not None,
        fitted=restored.preprocessing,
        classes=restored.classes,
    )
    made = network_for(restored.net, options.training, loaded)
    learner = learner_for(restored.net, made, partial(compile_net, backend=backend, device=device))
    learner.load(restored.arrays)
    options = balanced(options, loaded.train.targets)
    learner.begin(options)
    test = Prepared.of(loaded.test, Ends.of(loaded.test, restored.net, made, options.aims))
    figures = learner.evaluate(test, options.metrics, 2 * options.at_once)
    texts = figures_of_texts(
        restored.net,
        options,
        loaded.test,
        loaded.preprocessing,
        restored.arrays,
        backend=backend,
        device=device,
    )
    figures = figures.with_metrics(texts)
    note = loaded.note
    if restored.trained_on not in ("", loaded.used):
        note = (
            note
            or f"the weights were trained on {restored.trained_on}, and these are figures on {loaded.used}"
        )
    shown = _shown(learner, test, show) if show else ()
    return Evaluation(restored.net, figures, loaded.used, note, learner.device, loaded.baseline, shown)


def _shown(learner: Learner, data: Prepared, count: int) -> tuple[Shown, ...]:
    """What the network says of the first examples, by its main output."""
    if learner.turns[0].derived is not None:
        return ()
    inputs, targets = data.batch(slice(0, min(count, len(data))))
    given = [channels_last(each) for each in as_tuple(inputs)]
    said = as_tuple(learner.whole.predict(as_given(given)))[-1]
    true = channels_last(as_tuple(targets)[-1])
    return tuple(map(Shown, given[0], np.asarray(said), true))
