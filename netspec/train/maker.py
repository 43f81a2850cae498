"""What `make` says of trained weights: samples of noise, or of what the examples of a file are made into.

Knows nothing of pictures and of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from netspec.backends import as_given, compile_net
from netspec.backends.room import free_memory
from netspec.data import Preprocessing
from netspec.data.preprocessing import Fields
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.ir.updates import Field, Noise
from netspec.limits import DEFAULT, Limits
from netspec.passes.updates import made
from netspec.train.checkpoint import Restored, restore
from netspec.train.inputs import read_named
from netspec.train.noise import Draws

Array = np.ndarray[Any, np.dtype[Any]]

AT_ONCE: Final = 64
"""Samples that are made at a time."""
PURPOSE: Final = "samples"
"""What noise is drawn for: the same as that of `samples.png` in the folder of a run of the same seed."""
WIDTH: Final = 8
"""Bytes of a number as it is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Samples as the spec writes their shape, (n, *dims), and the fields that they were made of, one for each."""

    samples: Array
    given: Mapping[str, Array] = field(default_factory=dict)


class Maker:
    """A trained network whose spec says `make`; raises `SpecError` N405 where it does not."""

    def __init__(self, restored: Restored, backend: str, device: str, dtype: str = "float32") -> None:
        derived = made(restored.net)
        if derived is None:
            message = f"the spec of `{restored.net.name}` does not say what is made"
            notes = ("a block in it does:  generate:  and below it  make NETWORK(normal 100)",)
            raise error("N405", message, notes=notes)
        self.derived, self.restored = derived, restored
        arrays = {name: restored.arrays[name] for name in derived.net.parameters}
        self.program = compile_net(derived.net, backend, dtype=dtype, device=device, parameters=arrays)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        backend: str = "torch",
        device: str = "auto",
        dtype: str = "float32",
        limits: Limits = DEFAULT,
    ) -> Maker:
        """The network of a weight file; raises `SpecError` N703 where it is none."""
        return cls(restore(path, limits), backend, device, dtype)

    @property
    def shape(self) -> Shape:
        """The shape of a sample."""
        return self.derived.net.outputs[-1].shape

    @property
    def needs(self) -> dict[str, Shape]:
        """The fields of the data that it is made of, with their shapes; empty where noise is all that it reads."""
        pairs = zip(self.derived.inputs, self.derived.net.inputs, strict=True)
        return {each.name: layer.shape for each, layer in pairs if isinstance(each, Field)}

    @property
    def called(self) -> dict[str, str]:
        """What the spec calls these fields."""
        read = (each for each in self.derived.inputs if isinstance(each, Field))
        return {each.name: each.called or each.name for each in read}

    def make(self, count: int, seed: int = 0, path: Path | None = None) -> Made:
        """So many samples, or so many of each example in a file where it `needs` one.

        A sample depends on the seed and on its own number, and not on how many there are.  Raises `SpecError` N705 for
        the file, N507 where the samples do not fit into memory.
        """
        given = read_named(path, self.needs, self._prepared(), self.called) if path else {}
        examples = next((len(array) for array in given.values()), 1)
        self._check_room(examples * count, given)
        given = {name: np.repeat(array, count, axis=0) for name, array in given.items()}
        count *= examples
        draws = Draws(seed, PURPOSE)
        inputs = [
            draws.of(each, count) if isinstance(each, Noise) else given[each.name]
            for each in self.derived.inputs
        ]
        samples = np.empty(0)
        for start in range(0, count, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            some = np.asarray(self.program.predict(as_given([array[part] for array in inputs])))
            if not start:
                samples = np.empty((count, *some.shape[1:]), some.dtype)
            samples[part] = some
        return Made(samples, given)

    def _prepared(self) -> dict[str, Preprocessing]:
        """What was fitted to each field that is read."""
        fitted = self.restored.preprocessing
        if isinstance(fitted, Fields):
            return {name: each for name, each in fitted.fields.items() if name in self.needs}
        return dict.fromkeys(self.needs, fitted) if fitted is not None else {}

    def _check_room(self, count: int, given: Mapping[str, Array]) -> None:
        noise = [each.shape for each in self.derived.inputs if isinstance(each, Noise)]
        own = [self.shape] if self.shape.is_known else []
        read = sum(array[:1].nbytes for array in given.values())
        each, free = sum(prod(shape.known) for shape in (*noise, *own)) * WIDTH + read, free_memory()
        if free is not None and count * each > free:
            message = (
                f"{count:,} samples take {each:,} bytes each while they are made, and {free:,} bytes are free"
            )
            raise error("N507", message, notes=("fewer at a time (`--count`) take less",))
