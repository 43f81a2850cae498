"""Activation functions, entry by entry, named and defined as in PyTorch."""

from __future__ import annotations

from typing import ClassVar

from netspec.ir.catalog import find
from netspec.ir.definition import argument, flag, option, word
from netspec.ir.layer import Constant, Example, Operation, Param, ReadBack, Shapes
from netspec.ir.values import Choice, Real


class Activation(Operation):
    """An activation: entry by entry, no parameters."""


def _example(text: str) -> tuple[Example, ...]:
    return (Example("6x3", text, "6x3"),)


@word("relu")
class Relu(Activation):
    """Keeps what is positive, makes the rest 0."""

    formula: ClassVar[str] = "y = max(x, 0)"
    examples: ClassVar[tuple[Example, ...]] = _example("relu")

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("output",)


@word("relu6")
class Relu6(Activation):
    """A relu that stops at 6, which networks for small numbers use (Krizhevsky 2010)."""

    formula: ClassVar[str] = "y = min(max(x, 0), 6)"
    examples: ClassVar[tuple[Example, ...]] = _example("relu6")

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)


@word("tanh")
class Tanh(Activation):
    """The hyperbolic tangent: S-shaped, from -1 to 1."""

    formula: ClassVar[str] = "y = tanh(x)"
    examples: ClassVar[tuple[Example, ...]] = _example("tanh")

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("output",)


@word("gelu")
class Gelu(Activation):
    """The Gaussian error linear unit (Hendrycks and Gimpel 2016), exact unless `approximate` stands after it.

    `gelu approximate` is the formula by a tanh that GPT-2 was trained with.
    """

    approximate: bool = flag("approximate", "approximate the normal distribution function by a tanh")

    formula: ClassVar[str] = (
        "y = x * Phi(x), Phi the normal distribution function; "
        "approximate: y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))"
    )
    examples: ClassVar[tuple[Example, ...]] = (*_example("gelu"), *_example("gelu approximate"))


@word("silu")
class Silu(Activation):
    """The sigmoid linear unit, also called swish."""

    formula: ClassVar[str] = "y = x * sigmoid(x)"
    examples: ClassVar[tuple[Example, ...]] = _example("silu")


@word("elu")
class Elu(Activation):
    """The exponential linear unit (Clevert et al. 2015)."""

    alpha: float = argument(Real(0), "how far below 0 it goes", default=1.0)

    formula: ClassVar[str] = "y = x where x > 0, else alpha * (exp(x) - 1)"
    examples: ClassVar[tuple[Example, ...]] = (*_example("elu"), *_example("elu 0.5"))


@word("celu")
class Celu(Activation):
    """An exponential linear unit whose slope has no jump, whatever alpha is (Barron 2017)."""

    alpha: float = argument(Real(0, open_low=True, example=1), "how far below 0 it goes", default=1.0)

    formula: ClassVar[str] = "y = x where x > 0, else alpha * (exp(x / alpha) - 1)"
    examples: ClassVar[tuple[Example, ...]] = (*_example("celu"), *_example("celu 2"))


@word("selu")
class Selu(Activation):
    """The self-normalising exponential linear unit (Klambauer et al. 2017)."""

    formula: ClassVar[str] = "y = 1.0507 * x where x > 0, else 1.0507 * 1.6733 * (exp(x) - 1)"
    examples: ClassVar[tuple[Example, ...]] = _example("selu")


@word("softplus")
class Softplus(Activation):
    """A smooth relu."""

    formula: ClassVar[str] = "y = log(1 + exp(x))"
    examples: ClassVar[tuple[Example, ...]] = _example("softplus")


@word("softsign")
class Softsign(Activation):
    """S-shaped from -1 to 1 like tanh, but slow to get there (Bergstra et al. 2009)."""

    formula: ClassVar[str] = "y = x / (1 + |x|)"
    examples: ClassVar[tuple[Example, ...]] = _example("softsign")


@word("mish")
class Mish(Activation):
    """A smooth relu that dips below 0 (Misra 2019)."""

    formula: ClassVar[str] = "y = x * tanh(log(1 + exp(x)))"
    examples: ClassVar[tuple[Example, ...]] = _example("mish")


@word("leaky_relu")
class LeakyRelu(Activation):
    """A relu that lets a little through on the negative side."""

    slope: float = argument(Real(0), "slope on the negative side", default=0.01)

    formula: ClassVar[str] = "y = x where x > 0, else slope * x"
    examples: ClassVar[tuple[Example, ...]] = (*_example("leaky_relu"), *_example("leaky_relu 0.2"))

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)


@word("hardsigmoid")
class Hardsigmoid(Activation):
    """A sigmoid made of straight pieces (Courbariaux et al. 2015), with the slope of Howard et al. (2019)."""

    formula: ClassVar[str] = "y = min(max(x + 3, 0), 6) / 6"
    examples: ClassVar[tuple[Example, ...]] = _example("hardsigmoid")


@word("hardswish")
class Hardswish(Activation):
    """A swish made of straight pieces (Howard et al. 2019)."""

    formula: ClassVar[str] = "y = x * min(max(x + 3, 0), 6) / 6"
    examples: ClassVar[tuple[Example, ...]] = _example("hardswish")


@word("prelu")
class Prelu(Operation):
    """A leaky relu whose slope is learned, one for each channel (He et al. 2015)."""

    slope: float = argument(Real(), "slope on the negative side to start with", default=0.25)
    shared: bool = flag("shared", "one slope for all channels", default=False)

    formula: ClassVar[str] = "y = x where x > 0, else weight * x"
    examples: ClassVar[tuple[Example, ...]] = (
        *_example("prelu"),
        *_example("prelu 0.1 shared"),
        Example("4x3x2", "prelu", "4x3x2"),
        Example("5", "prelu", "5"),
    )

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ("input",)

    def parameters(self, inputs: Shapes) -> tuple[Param, ...]:
        channels = 1 if self.shared else inputs[0].features
        return (Param("weight", (channels,), Constant(self.slope)),)


NAMES = (
    "relu",
    "sigmoid",
    "tanh",
    "gelu",
    "silu",
    "elu",
    "selu",
    "celu",
    "softplus",
    "softsign",
    "mish",
    "leaky_relu",
    "prelu",
    "hardsigmoid",
    "hardswish",
)


@word("activate")
class Activate(Operation):
    """An activation by name: `activate tanh` is `tanh`."""

    function: str = argument(Choice(NAMES), "the activation")

    formula: ClassVar[str] = "as the activation named"
    examples: ClassVar[tuple[Example, ...]] = _example("activate tanh")

    def parts(self) -> tuple[Operation, ...]:
        found = find("layer", self.function)
        assert found is not None
        part = found()
        assert isinstance(part, Operation)
        return (part,)


@word("rescale")
class Rescale(Activation):
    """Multiplies every number by one that is given, and adds another: `rescale 2 shift=-1` makes -1 to 1 of 0 to 1.

    Weights the branch of a residual connection, or one part of a `concat` against the others.
    """

    factor: float = argument(Real(example=2), "what every number is multiplied by")
    shift: float = option(Real(example=-1), "what is added then", default=0.0)

    formula: ClassVar[str] = "y = factor * x + shift"
    examples: ClassVar[tuple[Example, ...]] = (*_example("rescale 2 shift=-1"), *_example("rescale -0.1"))

    def reads_back(self) -> tuple[ReadBack, ...]:
        return ()
