"""What a rule of this backend is: a function that spells one layer as lines of Python."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

from netspec.backends.rules import Rules
from netspec.ir.layer import Operation
from netspec.ir.shape import Dim, Shape

O = TypeVar("O", bound=Operation)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Site(Generic[O]):
    """Where a layer stands: its operation and shapes, as the spec writes them."""

    operation: O
    inputs: tuple[Shape, ...]
    output: Shape
    extras: frozenset[str] = frozenset()
    """The further results that something reads."""
    borrowed: Mapping[str, bool] = field(default_factory=dict)
    """The weights of other layers that it uses by its own names for them, and whether it uses them transposed."""
    uses: frozenset[tuple[Shape, ...]] = frozenset()
    """What all uses of its submodule read, where it has several: nothing in it may depend on one of them."""

    @property
    def channels(self) -> int:
        """Channels or features of the input."""
        return self.inputs[0].features

    @property
    def rank(self) -> int:
        """Axes of one example: 1 for a vector, 2 for a sequence, 3 for an image, 4 for a sequence of images."""
        return len(self.inputs[0].dims)

    @property
    def ranks(self) -> frozenset[int]:
        """The ranks of what all uses of its submodule read."""
        return frozenset({self.rank, *(len(inputs[0].dims) for inputs in self.uses)})

    @property
    def channel_axis(self) -> int:
        """The axis of channels or features in a batch as PyTorch holds it."""
        return {3: 1, 4: 2}.get(self.rank, -1)


@dataclass(frozen=True, slots=True)
class Code:
    """A layer in Python: the submodule, if it has one, and the lines of `forward`.

    In `lines`, `{x}` is the input, `{y}` the result, `{module}` the submodule: `{y} = {module}({x})`.  Further inputs
    are `{x1}`, `{x2}` and so on, `{xs}` is all of them with commas between; a further result has its own name
    (`{state}`), and so has the weight of another layer (`{weight}`).  A name in `lines` that is none of these must be
    one of `forward.TEMPORARY`.
    A layer that `follows` is one expression that may be written around the call of the layer before it, as in
    `F.relu(self.conv1(x))`.
    """

    lines: tuple[str, ...]
    module: str = ""
    follows: bool = False
    setup: tuple[str, ...] = ()
    """Lines of `__init__` after the submodule."""
    support: tuple[str, ...] = ()
    """Classes and functions that the layer is made with, as source; each stands once, at the top of the file."""
    overwritable: bool = False
    """Its one reader may write over the result: that is no view of anything, and no gradient is made from it."""
    overwriting: tuple[str, ...] = ()
    """`lines` that write the result over the input, where that is `overwritable`."""


def call(
    expression: str,
    module: str = "",
    *,
    follows: bool = False,
    setup: tuple[str, ...] = (),
    support: tuple[str, ...] = (),
    overwritable: bool = False,
) -> Code:
    """A layer of one line, from the expression of its result."""
    return Code((f"{{y}} = {expression}",), module, follows, setup, support, overwritable)


def submodule(constructor: str, *arguments: object, **options: object) -> Code:
    """A layer that is a submodule applied to its input."""
    return call("{module}({x})", construct(constructor, *arguments, **options))


def construct(constructor: str, *arguments: object, **options: object) -> str:
    """The text of a call, its arguments numbers, booleans and tuples of them."""
    parts = [repr(value) for value in arguments] + [f"{name}={value!r}" for name, value in options.items()]
    return f"{constructor}({', '.join(parts)})"


def free(name: str, taken: Collection[str]) -> str:
    """A name that Python allows, as nearly this one as can be: with underscores after it while it is taken."""
    # two underscores in front would have Python add the class's name
    found = f"layer{name}" if name.startswith("__") else name
    while found in taken or keyword.iskeyword(found):
        found += "_"
    return found


def supports(codes: Iterable[Code]) -> dict[str, str]:
    """The classes and functions that layers are made with, by name."""
    texts = [text for code in codes for text in code.support]
    return {name: text for text in texts for name in re.findall(r"^(?:class|def) (\w+)", text, re.MULTILINE)}


STARTS: Final = {
    "pytorch": (),
    "glorot": ("nn.init.xavier_uniform_({module}.weight)",),
    "he": ("nn.init.kaiming_uniform_({module}.weight)",),
}
"""The lines that spread the weights of a submodule as its layer says."""


def unless(default: object, **options: object) -> dict[str, object]:
    """The options that are not the default, which people leave out."""
    return {name: value for name, value in options.items() if value != default}


def square(pair: tuple[Dim, Dim]) -> Dim | tuple[Dim, Dim]:
    """One number where both are the same, as people write it."""
    return pair[0] if pair[0] == pair[1] else pair


Rule: TypeAlias = Callable[[Site[Any]], Code]
rules: Rules[Any] = Rules("torch", "netspec.backends.torch")
rule = rules.rule
