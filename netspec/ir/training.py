"""The training half of a network: what `train:` says, as data.

The bases of the settings live here, so that a network can hold them; the settings themselves are defined in
`netspec.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, Final

from netspec.frozen import frozen
from netspec.ir.definition import Definition, option, shared
from netspec.ir.layer import Layer
from netspec.ir.shape import Shape
from netspec.ir.values import Real, Word
from netspec.source import Span

if TYPE_CHECKING:
    from netspec.ir.updates import Update

NAMED: Final = ("data", "loss", "optimizer", "schedule", "metric")
"""Settings whose first word is looked up in a catalog of its own: `optimizer adam 0.003`."""

LEFT_OUT: Final = -1
"""In the place of a class: losses and metrics leave the place out, which fills an example up to the longest."""

OUTPUT: Final = Word("the name of an output")


@frozen
class Misfit:
    """What a line says that does not fit a network."""

    message: str
    argument: str = ""
    """The argument at fault; empty where it is the line."""
    because: str = ""
    notes: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    """Layers that may stand in the place of the output's."""
    fed: bool = False
    """It would fit if nothing were fed back."""


class Reader(Definition):
    """Where examples come from."""

    @property
    def goes_on(self) -> bool:
        """Its last field is a sequence to be gone on with: it feeds an input, and a step later it is the target."""
        return False

    @property
    def marks(self) -> tuple[int, int] | None:
        """The tokens that such a sequence begins and ends with, None where it goes on for ever."""
        return None

    def fields(self, inputs: Sequence[str]) -> tuple[str, ...]:
        """What an example consists of, by name, what is to be predicted last.

        `inputs` are the names of the network's inputs, after which some readers look for their fields.
        """
        return ("input", "target")

    @property
    def differing(self) -> tuple[str, ...]:
        """The fields of which each example has a length of its own, where what reads them has a symbol for it."""
        return ()

    def example_shape(self) -> Shape | None:
        """Shape of the first field where it is one whatever reads it, and known without opening a file."""
        return None

    def target_shape(self) -> Shape | None:
        """Shape of the last field of one example where it is known without opening a file.

        A class is `Shape((), of=number of classes)`.
        """
        return None

    def misfit(self, read: Shape, wanted: Shape, fed: bool) -> Misfit | None:
        """Why a target is not what an output is made for (`wanted`), as far as that is known without opening a file.

        `read` is the shape of the first input; `fed` says that the network's own output feeds it.
        """
        return None


@shared
class Loss(Definition):
    """What training makes small, the mean over examples (and steps), of one output.

    Several of them are added up, each times its weight.
    """

    on: str = option(OUTPUT, "the output, the last one unless named", default="")
    weight: float = option(Real(0, open_low=True), "what it counts in the sum of all losses", default=1.0)

    fuses: ClassVar[str] = ""
    """The output word whose function the loss takes in: it then reads logits."""
    raw: ClassVar[bool] = False
    """It reads numbers without bounds, and no probabilities."""
    targets: ClassVar[str] = "numbers"
    """What a target is: `numbers` like the output, a class for each place (`classes`), yes and no (`answers`), a
    probability for each class (`distributions`), or `nothing` where the output is compared with none."""
    boundary: ClassVar[float] = 0.5
    """The output from which on an answer is yes."""
    examples: ClassVar[tuple[str, ...]] = ()
    """Uses with arguments, on outputs of three entries, for the tests."""

    def targets_for(self, shape: Shape) -> str:
        """What a target of an output of this shape is: `targets` unless that depends on it."""
        return self.targets

    def misfit(self, shape: Shape) -> tuple[str, str] | None:
        """An argument that does not fit an output of this shape, and why; None where all do."""
        return None


class Optimizer(Definition):
    """How a step follows from gradients."""

    rate: float

    def remembers(self, shape: tuple[int, ...]) -> int:
        """Numbers that it keeps from step to step for a parameter of this shape."""
        return 0


class Schedule(Definition):
    """How the step size changes while training; a pure function of the step and of what the epochs came to."""

    formula: ClassVar[str] = ""
    """The step size as people write it, in the names of the arguments, `rate` (the optimiser's own), `t` and `T`."""

    @property
    def watches(self) -> str:
        """The figure that it follows, such as `val.loss`; empty where it follows none."""
        return ""

    @property
    def holds_out(self) -> float | None:
        """The share of the training data that this figure needs to be held out, None where it needs none."""
        return None

    def rate(self, base: float, step: int, steps: int, history: tuple[float, ...] = ()) -> float:
        """The step size at a step (counted from 0) of `steps` in all, given the optimiser's own rate `base`.

        `history` is the watched figure after each epoch that is finished.
        """
        raise NotImplementedError

    def formulas(self) -> tuple[str, ...]:
        """The formula of this use, in one line or a few."""
        return (self.formula,)

    def with_numbers(self, base: float, steps: int | None) -> tuple[str, ...]:
        """The same with numbers in the place of names; T stays where `steps` is None."""
        values: dict[str, object] = {each.name: getattr(self, each.name) for each in self.arguments()}
        values |= {"rate": base, "T": steps}
        texts = {
            name: f"{value:g}" if isinstance(value, float) else str(value)
            for name, value in values.items()
            if isinstance(value, int | float)
        }
        # `rate(t)` is the result
        names = re.compile(rf"\b({'|'.join(texts)})\b(?!\()")
        return tuple(names.sub(lambda found: texts[found[1]], line) for line in self.formulas())


@frozen
class Aim:
    """An output that is trained, and its loss."""

    output: Layer
    loss: Loss
    target: str = ""
    """The result of the network that the output is compared with; empty where the target comes with the batch."""

    @property
    def fused(self) -> bool:
        """The loss takes in the output's function, and reads what that reads."""
        return self.output.word == self.loss.fuses

    @property
    def result(self) -> str:
        """The result that the loss reads."""
        return self.output.inputs[0] if self.fused else self.output.name

    @property
    def targets(self) -> str:
        """What a target is (see `Loss.targets`)."""
        return self.loss.targets_for(self.output.shape)

    @property
    def compared(self) -> str:
        """What metrics take the targets for: probabilities stay what they are where they are trained as numbers."""
        meant = {"sigmoid": "answers", "softmax": "distributions"}
        return meant.get(self.output.word, "numbers") if self.targets == "numbers" else self.targets


@shared
class Metric(Definition):
    """A figure that is reported beside the loss, of one output."""

    on: str = option(OUTPUT, "the output, the last one unless named", default="")

    higher_is_better: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("classes", "answers", "distributions", "numbers")
    """The kinds of target that it is made for (see `Loss.targets`)."""
    needs: ClassVar[str] = ""
    """The package that computes it, where netspec does not."""
    of_texts: ClassVar[bool] = False
    """It compares whole texts: where a network answers with a text of its own (`feed`), with that one."""

    def misfit(self, output: Layer, targets: str) -> str:
        """Why it cannot be taken of an output whose targets are of a kind that it reads; empty where it can."""
        return ""

    @property
    def name(self) -> str:
        """What its figure is called: `accuracy`, of a named output `accuracy.aux`."""
        return f"{self.word}.{self.on}" if self.on else self.word


class Plain(Definition):
    """A setting that stands by itself: `batch 100`."""


def key_of(kind: str, use: Definition) -> str:
    """The name of a setting among those of a run, which has one of each name.

    It is the kind (`batch`, `loss`) but for losses of named outputs (`loss on aux`) and metrics, of which there may be
    several (`metric accuracy`, `metric top5 on aux`).
    """
    of = f" on {use.on}" if isinstance(use, Loss | Metric) and use.on else ""
    return f"{kind} {use.word}{of}" if isinstance(use, Metric) else f"{kind}{of}"


def kind_of(key: str) -> str:
    """The kind of a setting by its name: `loss` of `loss on aux`."""
    return key.partition(" ")[0]


def line_of(key: str, use: Definition) -> str:
    """A setting as the language writes it: `loss mse on aux`, `batch 100`."""
    kind = kind_of(key)
    return f"{kind} {use.written()}" if kind in NAMED else use.written()


@frozen
class Training:
    """The settings of one training run by name (`optimizer`, `batch`, `loss on aux`, ...; see `key_of`), each a
    definition's instance.

    `fallback` is the reader after `else`.
    """

    settings: Mapping[str, Definition]
    fallback: Reader | None = None
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)
    places: Mapping[str, Mapping[str, Span]] = field(default_factory=dict, compare=False, repr=False)
    """Where the arguments of a setting stand, by its name and theirs."""
    updates: tuple[Update, ...] = ()
    """What is done in a step, where several networks are trained; else a step is that of the losses."""
    aims: tuple[Aim, ...] = ()
    """What is trained in the network of one update, in the place of what the settings say."""

    def get(self, name: str) -> Definition | None:
        """The setting of a name, or None."""
        return self.settings.get(name)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The losses that are set, of whichever outputs."""
        return tuple(use for use in self.settings.values() if isinstance(use, Loss))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that are set."""
        return tuple(use for use in self.settings.values() if isinstance(use, Metric))

    def place(self, name: str, argument: str) -> Span | None:
        """Where an argument of a setting stands, else where the setting does; None where it is nowhere written."""
        return self.places.get(name, {}).get(argument) or self.spans.get(name)
