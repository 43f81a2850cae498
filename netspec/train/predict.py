"""What a trained network says of new examples: class and probability, yes or no, or numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from netspec.backends import Arrays, Program, as_given, as_tuple, compile_net
from netspec.data.preprocessing import Windows
from netspec.diagnostics import error
from netspec.ir.net import Net
from netspec.ir.shape import Shape
from netspec.ir.symbolic import Symbol, substituted
from netspec.ir.training import Aim
from netspec.layers.output import Probability
from netspec.limits import DEFAULT, Limits
from netspec.passes.fields import wishes_of
from netspec.passes.objective import aims_of, answering, implied_loss
from netspec.passes.ragged import steps_of, symbols
from netspec.passes.updates import alone, updates
from netspec.settings.loss import Mse
from netspec.train.checkpoint import Restored, restore
from netspec.train.inputs import lengths_of, network_for_new, read_inputs
from netspec.train.sheet import image

Array = np.ndarray[Any, np.dtype[Any]]

BATCH: Final = 64
YES_OR_NO: Final = ("no", "yes")
FEW: Final = 20
"""Answers that are told one by one; more are the pixels of a picture."""
MANY: Final = 1000
"""Numbers from which on they are told by their range."""
IMAGE: Final = 3
"""Dimensions of an image."""
MORE: Final = 33
"""By how many pixels less one an image is widened to a size that the network can read, at most."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is said of one example of a file (`index` counts from 0), by the main output.

    `classes` is a name and `probabilities` the figure for each place where the network tells classes apart: one of
    each for a picture, several for a sequence.  Both are empty where the network gives numbers: `values` then; of
    scores, which are no probabilities, only the latter.
    """

    file: str
    index: int
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    values: list[Any]
    """The output itself, as the spec writes its shape."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """All outputs by name, where there are several."""
    given: Array | None = None
    """What the network read, where it is one input."""

    def to_json(self) -> dict[str, Any]:
        """`class` and `probability` (lists for a sequence), `output`, and `outputs` where there are several."""
        found: dict[str, Any] = {"file": self.file, "index": self.index}
        for name, each in (("class", self.classes), ("probability", self.probabilities)):
            if each:
                found[name] = each[0] if len(each) == 1 else list(each)
        return found | {"output": self.values} | ({"outputs": self.outputs} if self.outputs else {})

    def __str__(self) -> str:
        if not self.classes:
            return _told(np.asarray(self.values))
        if not self.probabilities:
            return " ".join(self.classes)
        pairs = zip(self.classes, self.probabilities, strict=True)
        return " ".join(f"{name} {probability:.4f}" for name, probability in pairs)


def _told(values: Array) -> str:
    """Numbers in a line, rows in a line each; of an image, or of very many, the shape and the range."""
    shape = "x".join(map(str, values.shape))
    if values.ndim >= IMAGE or values.size > MANY or (values.size > FEW and image(Shape(values.shape))):
        return f"{shape}, from {values.min():.4f} to {values.max():.4f}, mean {values.mean():.4f}"
    rows = values if values.ndim > 1 else values.reshape(1, -1)
    lines = [" ".join(f"{value:.6g}" for value in row) for row in rows]
    return "\n".join(["", *lines] if len(lines) > 1 else lines)


class Predictor:
    """A weight file, ready to be applied to files and arrays; of several networks the one that it is about."""

    def __init__(self, restored: Restored, program: Program) -> None:
        self.net: Net = alone(restored.net)
        self.restored, self.program = restored, program
        main = self.net.outputs[-1]
        aims = [*aims_of(restored.net, restored.net.training)]
        aims += [aim for derived in updates(restored.net) for aim in derived.aims]
        trained = {aim.output.name: aim for aim in aims}
        # what others are trained through, as a generator is, are numbers
        other = Mse() if restored.net.networks else implied_loss(main)
        self.aim = trained.get(main.name) or Aim(main, other)

    @classmethod
    def load(
        cls, path: Path, *, backend: str = "torch", device: str = "auto", limits: Limits = DEFAULT
    ) -> Predictor:
        """The network of a weight file, compiled; raises `SpecError` N703 or N602."""
        restored = restore(path, limits)
        made = network_for_new(alone(restored.net), restored.preprocessing, restored.differing)
        arrays = {name: restored.arrays[name] for name in made.parameters}
        program = compile_net(made, backend, device=device, parameters=arrays)
        return cls(restored, program)

    def files(self, paths: Sequence[Path]) -> Iterator[Prediction]:
        """Predictions for all examples of some files, all of which are read first; raises `SpecError` N705."""
        self._check_answers(paths)
        found = [(path, read_inputs(path, self.net, self.restored.preprocessing)) for path in paths]
        for path, inputs in found:
            yield from self.examples(inputs, str(path))

    def _check_answers(self, paths: Sequence[Path]) -> None:
        """Raise N705 where a network that answers with a text is given something to answer, and not what it said."""
        strange = next((path for path in paths if path.suffix.lower() != ".npz"), None)
        if answering(self.net) is not None and strange is not None:
            names = " and ".join(f"`{layer.name}`" for layer in self.net.inputs)
            message = f"{strange}: the network reads {names}, of which one is what it has said so far"
            note = f"`netspec generate WEIGHTS {strange}` has it answer"
            raise error("N705", message, notes=(note, "an .npz file may have an array for each"))

    def examples(self, inputs: Arrays, name: str = "") -> Iterator[Prediction]:
        """Predictions for examples (n, *dims as the spec writes them), of several inputs a tuple."""
        arrays = as_tuple(inputs)
        for start in range(0, len(arrays[0]), BATCH):
            part = slice(start, start + BATCH)
            outputs = self.outputs(as_given([array[part] for array in arrays]))
            for place, output in enumerate(outputs[-1]):
                found = self.read(np.asarray(output, np.float64), name, start + place)
                if len(arrays) == 1:
                    found = replace(found, given=arrays[0][start + place])
                if len(outputs) > 1:
                    by_name = zip(self.net.outputs, outputs, strict=True)
                    every = {layer.name: np.float64(each[place]).tolist() for layer, each in by_name}
                    found = replace(found, outputs=every)
                yield found

    def outputs(self, inputs: Arrays) -> Sequence[Sequence[Array]]:
        """The outputs of a batch, an array an example; of texts that are filled up, without what fills up."""
        if len(self.program.net.inputs) == len(self.net.inputs):
            found: tuple[Array, ...] = as_tuple(self.program.predict(self._widened(inputs)))
            if self.keeps_size:
                height, width = as_tuple(inputs)[0].shape[1:3]
                found = tuple(output[:, :height, :width] for output in found)
            return [list(output) for output in found]
        (texts,) = as_tuple(inputs)
        lengths, (symbol,) = lengths_of(texts), symbols(self.net)
        found = as_tuple(self.program.predict((texts[:, : lengths.max()], lengths)))
        made: list[Sequence[Array]] = []
        for layer, output in zip(self.net.outputs, found, strict=True):
            steps = steps_of(layer.shape)
            ends = [None if steps is None else substituted(steps, {symbol: int(each)}) for each in lengths]
            made.append([each[:end] for each, end in zip(output, ends, strict=True)])
        return made

    @property
    def keeps_size(self) -> bool:
        """It makes images of images, each as large as what it reads, of any size."""
        first, *others = self.net.inputs
        size, free = first.shape.dims[:2], len(first.shape.dims) == IMAGE and first.shape.of is None
        same = all(
            len(layer.shape.dims) == IMAGE and layer.shape.dims[:2] == size for layer in self.net.outputs
        )
        return free and not others and same and all(isinstance(each, Symbol) for each in size)

    def _widened(self, inputs: Arrays) -> Arrays:
        """Images with their last rows and columns repeated up to a size that the network can read."""
        if not self.keeps_size:
            return inputs
        (array,) = as_tuple(inputs)
        names = [each.name for each in self.net.inputs[0].shape.dims[:2] if isinstance(each, Symbol)]
        for more in sorted(product(range(MORE), repeat=2), key=sum):
            sizes = [size + each for size, each in zip(array.shape[1:3], more, strict=True)]
            if names[0] == names[1] and sizes[0] != sizes[1]:
                continue
            if not self.net.constraints.check(dict(zip(names, sizes, strict=True))):
                return np.pad(array, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)), mode="edge")
        return inputs

    def read(self, output: Array, file: str, index: int) -> Prediction:
        """What the main output means; numbers of a series are in the units of its columns."""
        prepared = self.restored.preprocessing
        if isinstance(prepared, Windows):
            output = self._original(output, prepared)
        chosen, probabilities = self._choose(output)
        names = self.restored.classes or (YES_OR_NO if self.aim.targets == "answers" else ())
        classes = tuple(names[each] if each < len(names) else str(each) for each in chosen)
        if not isinstance(self.aim.output.operation, Probability):
            probabilities = ()
        return Prediction(file, index, classes, probabilities, output.tolist())

    def _original(self, output: Array, prepared: Windows) -> Array:
        count, horizon, said = len(prepared.targets), prepared.horizon, "after the window"
        if wishes_of(self.net, None).fed:  # the next row at each step
            horizon, said = prepared.window, "of a window"
        if output.size != horizon * count:
            found = f"{count} columns and {horizon} rows {said}"
            shape = "x".join(map(str, output.shape))
            message = f"the series in the header of the weights has {found}, and the output is {shape}"
            raise error("N703", message)
        return prepared.original(output)

    def _choose(self, output: Array) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """The number of the class at each place, and its probability."""
        if self.aim.targets in ("classes", "distributions"):
            flat = output.reshape(-1, output.shape[-1])
            best = flat.argmax(axis=1)
            return tuple(map(int, best)), tuple(map(float, flat[np.arange(len(best)), best]))
        if self.aim.targets == "answers" and output.size <= FEW:
            yes = output.reshape(-1)
            said = yes >= self.aim.loss.boundary
            return tuple(map(int, said)), tuple(map(float, np.where(said, yes, 1 - yes)))
        return (), ()


def predict_files(
    weights: Path,
    paths: Sequence[Path],
    *,
    backend: str = "torch",
    device: str = "auto",
    limits: Limits = DEFAULT,
) -> list[Prediction]:
    """What a weight file's network says of the examples in some files; raises `SpecError` N703 or N705."""
    return list(Predictor.load(weights, backend=backend, device=device, limits=limits).files(paths))
