"""What a layer is: the operation (its word and arguments), its place in the network, its parameters.

`Operation` is the base of every layer definition, and the contract between a layer and everything else: passes,
backends, documentation and tests ask it for shapes, numbers and words, and know nothing of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from math import prod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from netspec.frozen import frozen
from netspec.ir.definition import Definition
from netspec.ir.shape import Dim, Pattern, Shape
from netspec.ir.values import Reference
from netspec.source import Span

if TYPE_CHECKING:
    from netspec.ir.stepping import Stepping

Shapes: TypeAlias = Sequence[Shape]
Step: TypeAlias = tuple[tuple[int, int, int], tuple[int, int, int]]
"""For height and width: pixels from the first to the last that one result sees, the pixels between neighbours, and
the results that one pixel has (more than one where the image grows)."""


AlongTime: TypeAlias = Literal["each", "past", "whole"]
"""What a step of a result depends on: the same step of the inputs, that and those before it, or all steps."""
ReadBack: TypeAlias = Literal["input", "output"]
"""What a backward pass may read: all inputs of a layer, or its output."""


@frozen
class Uniform:
    """Initial values drawn evenly from [-bound, bound)."""

    bound: float


@frozen
class Normal:
    """Initial values drawn from a normal distribution around 0."""

    deviation: float


@frozen
class Constant:
    """One initial value everywhere."""

    value: float


Initialiser: TypeAlias = Uniform | Normal | Constant


@frozen
class Param:
    """A parameter of a layer, in PyTorch's name (dotted in a layer with inner parts), order of axes and gate order.

    One that is not `trainable` is `frozen`, or else state (a running mean), saved with the weights and not counted
    among them.
    Its shape is made of numbers: one that depends on a symbol raises `Unbound`.
    """

    name: str
    shape: tuple[int, ...]
    initial: Initialiser
    trainable: bool = True
    frozen: bool = False
    """It would be trained, were its layer not frozen."""

    def __post_init__(self) -> None:
        _ = Shape(self.shape).known

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)

    @property
    def is_state(self) -> bool:
        """It is a running mean or the like, and no parameter."""
        return not self.trainable and not self.frozen


@frozen
class Example:
    """A worked example of a layer: `text` on an input of shape `input` gives `output`.  Every test runs it.

    `others` are further inputs that the text names: pairs of a name and a shape.
    """

    input: str
    text: str
    output: str
    others: tuple[tuple[str, str], ...] = ()


@frozen
class Change:
    """A way out of a problem: other text for one argument (`text` alone adds it), told as `say`."""

    text: str
    argument: str = ""
    say: str = ""


class Problem(Exception):
    """A shape rule that does not hold, in terms of the layer alone; the passes add place, history and fixes."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        argument: str = "",
        label: str = "",
        because: str = "",
        changes: Sequence[Change] = (),
        shrinks: bool = False,
        others: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.argument = argument
        self.label = label
        self.because = because
        self.changes = tuple(changes)
        self.shrinks = shrinks
        """The input is too small, so that dropping a layer that shrinks it is a way out."""
        self.others = dict(others or {})
        """The other parties: an argument's name, or "" for the input, and what is to be said there."""
        self.notes = tuple(notes)
        self.shapes: tuple[Shape, ...] = ()
        """The two of a join's inputs that do not fit."""


class Operation(Definition):
    """A layer's definition.  Every number of the layer comes from here and from nowhere else."""

    takes: ClassVar[tuple[str, ...]] = ("vector", "sequence", "image", "sequence of images")
    """The kinds of first input (`ir.shape.KINDS`) that the layer can work on."""
    joins: ClassVar[bool] = False
    """It reads two layers or more: branches, or the layers named by its `References`."""
    lends: ClassVar[str] = ""
    """How a `tied` dense layer uses this layer's `weight`: `as is` or `transposed`; empty where it cannot."""
    flattens: ClassVar[bool] = False
    """An image is made a vector before this layer."""
    formula: ClassVar[str] = "output = input"
    """The shape rule, for people."""
    examples: ClassVar[tuple[Example, ...]] = ()
    random: ClassVar[bool] = False
    """It draws random numbers while training."""
    passes_gradient: ClassVar[bool] = True
    """What it reads is trained through it."""
    is_view: ClassVar[bool] = False
    """Its output is its input's numbers, or some of them, in another form: it takes no room of its own."""
    hands_back: ClassVar[bool] = False
    """The gradient of its output is, as it is, that of each input of the same shape."""
    implies_loss: ClassVar[str] = "mse"
    """The loss of a network that ends in this layer, unless one is set."""
    reads_nothing: ClassVar[bool] = False
    """It starts a network instead of reading a layer."""
    may_be_dropped: ClassVar[bool] = False
    """Taking it away leaves a network that makes sense: messages may propose it."""
    needs_ends: ClassVar[bool] = True
    """Where it reads sequences whole (`along_time`), it has to know where they end."""
    names_itself: ClassVar[bool] = False
    """A word right after its own is the name of its result: `input words T of 8000`."""

    def references(self) -> tuple[str, ...]:
        """The results that its arguments name, in order; they follow the other inputs."""
        named = ((each.kind, getattr(self, each.name)) for each in self.lookup().references)
        return tuple(
            value
            for kind, value in named
            if isinstance(kind, Reference) and not kind.weights and isinstance(value, str)
        )

    def parts(self) -> tuple[Operation, ...]:
        """The core operations that this one stands for, in order."""
        return (self,)

    def result(self, inputs: Shapes) -> Shape:
        """The output's shape; raises `Problem` where there is none."""
        return inputs[0]

    def extras(self, inputs: Shapes) -> Mapping[str, Shape]:
        """Further results by name, read as `layer.name`: a recurrent layer's `state`."""
        return {}

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        """The parameters, in PyTorch's layout."""
        return ()

    def borrows(self, inputs: Shapes) -> Mapping[str, tuple[str, tuple[int, ...]]]:
        """Weights of other layers that it uses: its own name for each, that layer's name, the shape it needs."""
        return {}

    def multiply_adds(self, inputs: Shapes) -> Dim:
        """Multiply-adds of one example's forward pass, the products of weights and inputs only."""
        return 0

    def reads_back(self) -> tuple[ReadBack, ...]:
        """What the backward pass reads of it; what it makes for itself instead counts as that of the same size."""
        return ("input", "output")

    def keeps(self, inputs: Shapes) -> Dim:
        """Numbers of one example that the backward pass reads beside these."""
        return 0

    def uncounted(self, inputs: Shapes, convention: str) -> int:
        """Trained parameters that another convention of counting (`keras`, `paper`) does not have."""
        return 0

    def step(self, inputs: Shapes) -> Step | None:
        """Reach and stride in height and in width, for the receptive field; None where it sees its whole input."""
        return (1, 1, 1), (1, 1, 1)

    def along_time(self) -> AlongTime:
        """What a step of the result depends on where the input is a sequence, at prediction."""
        return "each"

    def measured(self) -> int:
        """Which of its inputs is the sequence whose steps the option `lengths` counts, where it has that option."""
        return 0

    def stepped(self, step: Stepping) -> str:
        """Write this use for one step of a sequence that is made step by step; the name of the result.

        Raises `Problem` N410 where that cannot be.
        """
        if self.along_time() != "each":
            raise Problem(
                "N410",
                f"`{self.word}` looks at all steps, and they are made one after the other",
                label="needs steps that are not made yet",
                changes=self.stepwise(),
            )
        return step.layer(self, *map(step.now, range(len(step.inputs))))

    def stepwise(self) -> tuple[Change, ...]:
        """Changes of a use that looks at all steps after which it might look at those before it alone."""
        return ()

    def padding(self, inputs: Shapes) -> tuple[Dim, Dim, Dim, Dim] | None:
        """Rows and columns added at top, bottom, left and right; None where the layer does not pad."""
        return None

    def explain(self, inputs: Shapes) -> str:
        """The shape formula with this use's numbers, for messages; empty where there is nothing to work out."""
        return ""

    def at_prediction(self) -> Operation | None:
        """For a random layer: an operation that does while training what it does at prediction.

        None where that is to hand the input on.
        """
        return None

    def adapters(self, given: Shape) -> tuple[Change, ...]:
        """Lines that, put before this layer, might make an input of the wrong kind fit; the passes verify them."""
        return ()


@frozen
class Frame:
    """One use of something that holds lines: a block, a network, a branch, one turn of a repetition.

    `text` is the statement with its values worked out: `residual 128 stride=2`.
    """

    kind: str
    text: str
    statement: Span
    outer: Frame | None = None
    turn: int = 0
    turns: int = 1
    reads: str = ""
    """The shape that comes in, where it is known."""
    is_use: bool = True
    """False for the lines of `network NAME:` where they stand, which nothing uses there."""

    def chain(self) -> Iterator[Frame]:
        """This use and those around it, innermost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.outer


@frozen
class Origin:
    """Where a layer was written: the statement, the word, the arguments, the stated result."""

    statement: Span
    word: Span
    arguments: Mapping[str, Span]
    result: Span | None = None
    implicit: bool = False
    """Nobody wrote it: it was put in between."""
    frame: Frame | None = None
    """What the statement stands in; None on the top level."""
    text: str = ""
    """The statement with the values of names worked out, where it holds any."""


@frozen
class Layer:
    """One core layer of a network: an operation, the results that it reads, its output's shape.

    A result is named by its layer, further results (`Operation.extras`) by `layer.extra`.  Where `shares` names
    another layer, this one is a further use of it and has no parameters of its own.
    """

    name: str
    operation: Operation
    inputs: tuple[str, ...] = ()
    shape: Shape = Shape(())
    shares: str = ""
    stated: Pattern | None = field(default=None, compare=False)
    origin: Origin | None = field(default=None, compare=False, repr=False)
    frozen: bool = False
    """Its parameters and states stay as they are; of a further use, that those of the layer that it shares with do."""

    @property
    def word(self) -> str:
        """The word of its operation: `conv`."""
        return self.operation.word
