"""What every reader hands over, and what it is asked for.

Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from netspec.data.files import MOST_BYTES, Place
from netspec.data.lazy import Array, Examples, take
from netspec.data.parts import divide
from netspec.data.preprocessing import Preprocessing
from netspec.diagnostics import error
from netspec.ir.shape import Shape

P = TypeVar("P", bound=Preprocessing)
Inputs: TypeAlias = Examples | tuple[Examples, ...]
"""What the input reads of each example, or a tuple with what each input of the network reads."""
Targets: TypeAlias = Examples | tuple[Examples, ...]
"""One target for each example, or several: a tuple with one for each output that is trained."""


def every(arrays: Inputs | Targets) -> tuple[Examples, ...]:
    """The inputs or the targets, also where it is only one."""
    return arrays if isinstance(arrays, tuple) else (arrays,)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Examples and what is to be predicted of them.

    `inputs` is (n, *dims as the spec writes them), float32, or int64 where the input is `of` integers. `targets` is
    (n, *steps) int64 for classes, else float32 of (n, *dims); (n, 1) for a number or a yes (1) or no (0). Either is an
    array, or `Lazy`, which gives arrays for slices and for arrays of indices. A network of several inputs has a tuple
    of inputs, one for each of them in their order. Where several outputs are trained, the targets may be a tuple with
    one for each of them, in their order.
    """

    inputs: Inputs
    targets: Targets
    between: int | None = None
    """Of examples that follow one another in time: how many must be left out between two parts, since they overlap.

    None where the order means nothing.
    """
    lengths: Mapping[str, Array] = field(default_factory=dict)
    """Of each symbol that differs among the examples (`T`): (n,) int64, its number in each.

    Inputs with that axis are filled up to the longest example, integers with 0; targets at each step with -1.
    """

    def __len__(self) -> int:
        return len(every(self.inputs)[0])

    def take(self, which: Array) -> Dataset:
        """The examples of these indices."""
        lengths = {name: each[which] for name, each in self.lengths.items()}
        return Dataset(_taken(self.inputs, which), _taken(self.targets, which), self.between, lengths)


def _taken(arrays: Inputs | Targets, which: Array) -> Inputs | Targets:
    some = tuple(take(each, which) for each in every(arrays))
    return some if isinstance(arrays, tuple) else some[0]


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What `load` gives.  `validation` is None unless the spec's `data` line asks for one: see `parts`."""

    train: Dataset
    test: Dataset
    validation: Dataset | None = None
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers; of no and yes for a yes/no target; empty for numbers."""
    preprocessing: Preprocessing | None = None
    """What makes numbers of a new file, for `read_new`; None where the data are numbers as they are."""
    used: str = ""
    """The reader that was used, as the language writes it."""
    note: str = ""
    """What must be said aloud: that the fallback was used, and why; that a column was left out."""
    baseline: str = ""
    """What a guess that learns nothing comes to on the test part, in words, where the reader knows of one."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader has to satisfy: the shapes of the inputs, the target that the output is made for, the files.

    `fitted` and `classes` are those of a network that was trained before, where it is measured on these data.
    """

    inputs: tuple[Shape, ...]
    target: Shape | None
    place: Place
    most_bytes: int = MOST_BYTES
    fitted: Preprocessing | None = None
    classes: tuple[str, ...] = ()

    def only(self, gives: str) -> Shape:
        """The shape of the one input; raises N404 where the network has several, with what the data give instead."""
        if len(self.inputs) == 1:
            return self.inputs[0]
        shapes = ", ".join(map(str, self.inputs))
        message = f"{gives}, which is one input, and the network has {len(self.inputs)} ({shapes})"
        raise error("N404", message)

    def prepared(self, kind: type[P]) -> P | None:
        """What was fitted before, None where nothing was; raises N404 where it is of another kind."""
        if self.fitted is None or isinstance(self.fitted, kind):
            return self.fitted
        message = f"the network was trained on {self.fitted.said}, and these data are {kind.said}"
        raise error("N404", message)


def split(dataset: Dataset, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The examples that are kept and those that are held out, in their old order.

    Classes are held out in proportion (see `divide`), and of examples in time the last ones, no kept example
    overlapping with them; of several targets the last one's count. Raises N404 where there are too few.
    """
    targets = every(dataset.targets)[-1]
    if dataset.between is None:
        kept, held = divide(targets, fraction, seed)
    else:
        kept, held = divide(targets, fraction, split="time")
        kept = kept[: max(len(kept) - dataset.between, 0)]
        if not len(kept):
            message = f"{len(dataset)} windows that overlap cannot be divided: {dataset.between} lie between two parts"
            raise error("N404", message)
    return dataset.take(kept), dataset.take(held)
