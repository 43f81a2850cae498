"""What a layer is offered where it is written for one step of a sequence that is made step by step.

Who makes the step network is the passes' concern (`passes.stepped`); a definition only says, in `Operation.stepped`,
what stands in its place and what it remembers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from netspec.ir.shape import Shape

if TYPE_CHECKING:
    from netspec.ir.layer import Operation, Shapes


class Stepping(Protocol):
    """One layer that is being written for one step.  Results are named, inputs are told by their place."""

    inputs: Shapes
    """What the layer reads in the whole network."""
    fed: tuple[bool, ...]
    """Which of that depends on what is fed, and so is there for one step at a time."""
    most: int
    """How many steps are made in a row at most."""

    def now(self, place: int) -> str:
        """This step of an input as a sequence of one step; a vector or number, which is for every step, as it is."""

    def count(self, *, anchored: bool = False) -> str:
        """The number of steps before this one, `1 of most`.

        `anchored` says that it has to be that of all steps, and may not begin anew.
        """

    def hold(self, steps: int) -> None:
        """Ask for no more than so many steps in a row."""

    def memory(self, name: str, shape: Shape, first: int | None = None) -> str:
        """What the step before left: at first the input of that place, or zeros."""

    def remember(self, memory: str, result: str) -> None:
        """Leave a result to the next step as that memory."""

    def before(self, operation: Operation, place: int) -> tuple[str, ...]:
        """What an operation makes once of an input that is not fed: its result and its further ones.

        It has the layer's name and so its parameters.
        """

    def layer(self, operation: Operation, *inputs: str, name: str = "") -> str:
        """Add a layer to the step, and give its name; without a name it is the one that has the layer's parameters."""
