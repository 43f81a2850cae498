"""What every reader hands over, and what it is asked for.

Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from netspec.data.files import MOST_BYTES, Place
from netspec.data.fitted import Preprocessing
from netspec.data.fitting import fit, fit_targets
from netspec.data.lazy import Array, Examples, take
from netspec.data.parts import divide
from netspec.data.preprocessing import Fields
from netspec.diagnostics import error
from netspec.ir.shape import Shape
from netspec.passes.fields import Roles

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

    texts: tuple[str, ...] = ()
    """What is to be said of each example as its file has it, where the targets are the tokens of a text."""

    def __len__(self) -> int:
        return len(every(self.inputs)[0])

    def take(self, which: Array) -> Dataset:
        """The examples of these indices."""
        lengths = {name: each[which] for name, each in self.lengths.items()}
        texts = tuple(self.texts[row] for row in which) if self.texts else ()
        inputs, targets = _taken(self.inputs, which), _taken(self.targets, which)
        return Dataset(inputs, targets, self.between, lengths, texts)


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


Maker: TypeAlias = Callable[[Shape | None, str], Examples]
"""Makes a field's examples for a shape, that of an `input` or of the `output`, as a message calls it."""


def label_of(labels: Array, classes: tuple[str, ...]) -> Maker:
    """What makes classes of numbers of classes: targets of an output, or an input that is `of` as many integers."""
    return lambda shape, end: (
        fit_targets(labels, shape, classes) if end == "output" else fit(labels, shape, end)
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader has to satisfy: the shapes of the inputs, the target that the output is made for, the files.

    `roles` says which field feeds which input, and which is the target. `fitted` and `classes` are those of a network
    that was trained before, where it is measured on these data.
    """

    inputs: tuple[Shape, ...]
    target: Shape | None
    roles: Roles
    place: Place
    most_bytes: int = MOST_BYTES
    fitted: Preprocessing | None = None
    classes: tuple[str, ...] = ()

    def only(self, word: str, *inputs: str, target: str) -> tuple[Shape, ...]:
        """The shapes of the inputs that these fields feed, in this order; raises N404 for any other use of fields."""
        if sorted(self.roles.inputs) == sorted(inputs) and self.roles.target == target:
            return tuple(self.inputs[self.roles.inputs.index(name)] for name in inputs)
        fed = " and ".join(f"`{name}`" for name in inputs)
        message = f"`{word}` can feed {fed} and have `{target}` predicted, and nothing else"
        raise error("N404", message)

    def prepared(self, kind: type[P]) -> P | None:
        """What was fitted before, None where nothing was; raises N404 where it is of another kind."""
        if self.fitted is None or isinstance(self.fitted, kind):
            return self.fitted
        message = f"the network was trained on {self.fitted.said}, and these data are {kind.said}"
        raise error("N404", message)

    def known(self, kind: type[P]) -> Mapping[str, P] | None:
        """What was fitted before, by field, None where nothing was; raises N404 where it is of another kind."""
        if not isinstance(self.fitted, Fields):
            alone = self.prepared(kind)
            return None if alone is None else {self.roles.inputs[0]: alone}
        found = {name: each for name, each in self.fitted.fields.items() if isinstance(each, kind)}
        if len(found) < len(self.fitted.fields):
            message = f"the network was trained on {self.fitted.said}, and these data are {kind.said} alone"
            raise error("N404", message)
        return found

    def fitted_to(self, fields: Mapping[str, Preprocessing]) -> Preprocessing | None:
        """What was fitted to some fields in one: where one field alone feeds the network, that of this field."""
        if set(fields) == set(self.roles.inputs) and len(fields) == 1:
            return fields[self.roles.inputs[0]]
        return Fields(fields) if fields else None

    def made(self, makers: Mapping[str, Maker], between: int | None = None) -> Dataset:
        """The examples, each input and the target made of its field."""
        pairs = zip(self.roles.inputs, self.inputs, strict=True)
        inputs = tuple(makers[name](shape, "input") for name, shape in pairs)
        targets = makers[self.roles.target](self.target, "output")
        return Dataset(inputs if len(inputs) > 1 else inputs[0], targets, between)


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
